"""
Run the fast layer in two processes, each with half of the test files; for ``make test-fast``.

xdist collects every test in each of its workers, and a third process reads every result. That is a
fifth of the CPU of the whole run.
"""

import subprocess
import sys
import tempfile
import time

SHARES = 2


def main(options: list[str]) -> int:
    """Run both halves, print the output of the second after the first, and return the status."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        second = subprocess.Popen(_pytest(2, options), stdout=output, stderr=subprocess.STDOUT)
        statuses = [subprocess.run(_pytest(1, options), check=False).returncode, second.wait()]
        output.seek(0)
        print(output.read().decode(errors="replace"), end="")
    print(f"the fast layer took {time.monotonic() - started:.0f} s")
    return max(map(abs, statuses))


def _pytest(number: int, options: list[str]) -> list[str]:
    share = f"--share={number}/{SHARES}"
    return [sys.executable, "-m", "pytest", "-q", "--fast", share, *options]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
