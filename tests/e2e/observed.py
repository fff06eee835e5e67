"""What the runs of this session showed of each kind of provider, and the record of it."""

import datetime as dt
import json
import os
from collections.abc import Iterable
from typing import Any

from doorward import idp
from doorward.idp.behind_doorward import COLUMNS, RECORD

OBSERVED: dict[str, dict[str, bool]] = {}
CLIENTS: dict[str, set[str]] = {}
VERSIONS: dict[str, str] = {}
HOW_TO_RECORD = "To record what the runs show now, run: RECORD=1 make test-soak"


def note(kind: str, **columns: bool) -> None:
    """Note what one run showed; a column of a kind says yes only if every run of it says yes."""
    row = OBSERVED.setdefault(kind, {})
    for column, value in columns.items():
        row[column] = row.get(column, True) and value


def note_client(kind: str, client: str, version: str) -> None:
    """Note that a client signed in at a kind of provider."""
    CLIENTS.setdefault(kind, set()).add(client)
    VERSIONS[client] = version


def compare_or_record() -> None:
    """
    Require that the record in the package says what this session showed.

    With ``RECORD`` in the environment, the record is brought up to date instead.
    """
    record: dict[str, Any] = json.loads(RECORD.read_text("utf-8"))
    if "RECORD" in os.environ:
        _write(record)
        return
    for kind, columns in OBSERVED.items():
        said = record["providers"].get(kind, {})
        different = {one: value for one, value in columns.items() if said.get(one) != value}
        assert not different, f"{kind}: {different}. {HOW_TO_RECORD}"
    for kind, clients in CLIENTS.items():
        missing = clients - set(record["providers"].get(kind, {}).get("clients", ()))
        assert not missing, f"{kind}: {missing} signed in. {HOW_TO_RECORD}"


def _write(record: dict[str, Any]) -> None:
    providers, clients = record["providers"], record["clients"] | VERSIONS
    for preset in idp.PROVIDERS:
        row = providers.get(preset.name, {})
        signed_in = {*row.get("clients", ()), *CLIENTS.get(preset.name, ())}
        row |= OBSERVED.get(preset.name, {})
        providers[preset.name] = _sorted(row, signed_in)
    document = {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "clients": dict(sorted(clients.items())),
        "providers": {one.name: providers[one.name] for one in idp.PROVIDERS},
    }
    RECORD.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def _sorted(row: dict[str, Any], clients: Iterable[str]) -> dict[str, Any]:
    known = [one.key for one in COLUMNS if one.key in row]
    return {**{key: row[key] for key in known}, "clients": sorted(clients)}
