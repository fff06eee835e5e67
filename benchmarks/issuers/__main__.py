"""``python -m benchmarks.issuers``: measure, print, and write the section into docs/benchmarks.md."""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from benchmarks.issuers import rounds
from benchmarks.issuers.section import section
from benchmarks.machine import cores, pin
from benchmarks.page import PAGE, replace_section


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks.issuers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run that writes no page")
    given = parser.parse_args(arguments)
    written = measure(quick=given.quick, load=os.getloadavg()[0])
    print(written)
    if not given.quick:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(replace_section(page, written), encoding="utf-8")
    return 0


def measure(*, quick: bool, load: float) -> str:
    """Return the section that a run gives."""
    pin(cores()[1])
    few = {"rounds": 1, "count": 16, "many": 0}
    extent = few if quick else {"rounds": 8, "count": 800, "many": 2560}
    issuers, results = rounds.measure(
        **extent, say=lambda text: print(text, file=sys.stderr, flush=True)
    )
    return section(issuers, results, day=datetime.now(UTC).date().isoformat(), load=load)


if __name__ == "__main__":
    sys.exit(main())
