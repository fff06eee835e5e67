"""``python -m tests.failover``: run the faults, and print the counts."""

import argparse
import asyncio
import json
import os
import shutil
import sys

from tests.failover.counts import as_table
from tests.failover.faults import FAULTS
from tests.failover.run import run
from tests.postgresql.cluster import programs

_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"
_PROGRAMS = ("ip", "setpriv", "etcd", "nginx")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Return 0 if everything that must be zero is zero."""
    parser = argparse.ArgumentParser(prog="make test-failover", description=__doc__)
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=", ".join(FAULTS))
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    told = parser.parse_args()
    if unknown := set(told.faults) - set(FAULTS):
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    missing = [name for name in _PROGRAMS if shutil.which(name, path=_PATH) is None]
    if missing or programs() is None or os.geteuid() != 0:
        print(
            "The run needs root, for network namespaces and disks, and these packages of Debian: "
            "etcd-server iproute2 nginx-light postgresql.",
            file=sys.stderr,
        )
        return 2
    counted = asyncio.run(run(told.faults or list(FAULTS), _say))
    as_json = json.dumps([one.as_json() for one in counted], indent=2)
    print(as_json if told.json else as_table(counted))
    return 0 if all(one.is_clean() for one in counted) else 1


if __name__ == "__main__":
    sys.exit(main())
