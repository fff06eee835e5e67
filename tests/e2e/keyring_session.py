"""``python -m tests.e2e.keyring_session COMMAND …``: run a command where a desktop keyring is open.

Starts GNOME's keyring in a session bus of its own, with an empty password and below ``HOME``; ends
it with the command.
"""

import os
import subprocess
import sys

UNLOCK = ["gnome-keyring-daemon", "--unlock", "--components=secrets", "--foreground"]


def main(command: list[str]) -> int:
    """Run ``command`` in a session with an unlocked keyring; return its exit status."""
    if os.environ.get("KEYRING_SESSION") != "yes":
        again = ["dbus-run-session", "--", sys.executable, "-m", "tests.e2e.keyring_session"]
        inside = {**os.environ, "KEYRING_SESSION": "yes"}
        return subprocess.run([*again, *command], env=inside, check=False).returncode
    with subprocess.Popen(UNLOCK, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as keyring:
        assert keyring.stdin is not None
        keyring.stdin.write(b"\n")
        keyring.stdin.close()
        try:
            return subprocess.run(command, check=False).returncode
        finally:
            keyring.terminate()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
