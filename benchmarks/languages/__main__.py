"""``python -m benchmarks.languages``: measure, print, and write the section into docs/benchmarks.md."""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import rounds
from benchmarks.arena import key_server
from benchmarks.issuers import rounds as issuer_rounds
from benchmarks.issuers.arena import ISSUERS, Issuer
from benchmarks.languages.section import section
from benchmarks.languages.toolchains import build
from benchmarks.machine import cores, pin
from benchmarks.mint import Mint
from benchmarks.page import PAGE, replace_section
from benchmarks.servers import BY_NAME

_OURS = ("floor", "doorward", "doorward-new")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks.languages", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run that writes no page")
    given = parser.parse_args(arguments)
    load, mint = os.getloadavg()[0], Mint()
    with tempfile.TemporaryDirectory() as folder, key_server(mint.key_set()) as keys_url:
        built = build(Path(folder))
        if not built.contenders:
            _say("No toolchain was found. Install Go, npm or cargo, and have it on PATH.")
            return 1
        pin(cores()[1])
        results = rounds.measure(
            [*(BY_NAME[name] for name in _OURS), *built.contenders],
            mint,
            keys_url,
            rounds=1 if given.quick else 12,
            seconds=0.3 if given.quick else 0.5,
            distinct=100 if given.quick else 22_000,
            say=_say,
        )
        issuers = [ISSUERS[0]]
        if built.issuer is not None:
            issuers.append(Issuer("fosite", "Go fosite, in memory", "no", command=built.issuer))
        extent = {"rounds": 1, "count": 16} if given.quick else {"rounds": 6, "count": 800}
        costs = issuer_rounds.measure_exchanges(issuers, say=_say, **extent)
    day = datetime.now(UTC).date().isoformat()
    written = section(results, issuers, costs, built.versions, day=day, load=load)
    print(written)
    if not given.quick:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(replace_section(page, written), encoding="utf-8")
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
