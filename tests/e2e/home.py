"""The environment of somebody who has an empty home, our command, and a browser."""

import sys
from pathlib import Path

from tests.e2e.drivers import ROOT


def environment_of(
    home: Path, username: str, password: str, binaries: Path | None = None
) -> dict[str, str]:
    """
    Return the variables; the browser signs in as that user.

    ``binaries`` are the commands of an environment that must not reach this repository.
    """
    own = Path(sys.executable).parent
    return {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_STATE_HOME": str(home / "state"),
        "PATH": f"{binaries or own}:/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": "" if binaries else str(ROOT),
        # The keyring of whoever runs the tests is not ours to write to.
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        "BROWSER": f"env PYTHONPATH={ROOT} {sys.executable} -m tests.e2e.browser_command %s",
        "FORM_BROWSER_USER": username,
        "FORM_BROWSER_PASSWORD": password,
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "LANG": "C.UTF-8",
    }
