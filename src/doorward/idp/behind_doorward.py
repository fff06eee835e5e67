"""What an MCP client gets at each provider behind Doorward, as recorded from runs of the tests."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from doorward.idp.matrix import Column
from doorward.idp.preset import Preset

RECORD = Path(__file__).with_name("behind_doorward.json")
"""Written by ``make test-soak``, which signs clients in at a simulator of each provider."""

COLUMNS: tuple[Column, ...] = (
    Column("rfc7591", "DCR", "Can a client register itself? (RFC 7591)"),
    Column("cimd", "CIMD", "May a URL be a client id? (client ID metadata documents)"),
    Column("pkce", "PKCE", "Is S256 advertised, and required? (RFC 7636)"),
    Column("rfc8707", "8707", "Does `resource` decide the audience? (RFC 8707)"),
    Column("rfc8414", "8414", "Is there an OAuth metadata document? (RFC 8414)"),
    Column("jwt", "JWT", "Are access tokens JWTs for this resource alone? (RFC 9068)"),
    Column(
        "refresh", "refresh", "Is the client signed in an hour later, after the provider agreed?"
    ),
    Column("revocation", "revoc", "Can a token be revoked, with access at once? (RFC 7009)"),
)


@cache
def record() -> Mapping[str, Any]:
    """Return the recorded runs: their date, the clients' versions, and a row for each provider."""
    document: dict[str, Any] = json.loads(RECORD.read_text("utf-8"))
    return document


def row_document(preset: Preset) -> dict[str, Any]:
    """Return the row of a provider for JSON; without runs, nothing is said to work."""
    row = record()["providers"].get(preset.name, {})
    cells = {column.key: row.get(column.key, False) for column in COLUMNS}
    return {
        "name": preset.name,
        "title": preset.title,
        "cells": cells,
        "clients": row.get("clients", []),
    }


def row_texts(preset: Preset) -> list[str]:
    """Return the row of a provider: its name, its cells, and the clients that signed in."""
    row = row_document(preset)
    answers = ["yes" if row["cells"][column.key] else "no" for column in COLUMNS]
    return [preset.name, *answers, ", ".join(row["clients"])]


def legend() -> tuple[str, ...]:
    """Return what the table was read from."""
    versions = ", ".join(record()["clients"].values())
    return (
        f"Recorded on {record()['date']}, at simulators of the providers, by: {versions}.",
        "A simulator does what the provider's documents say. Where they are silent, it follows the standard.",
    )
