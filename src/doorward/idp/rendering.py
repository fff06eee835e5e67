"""The table and the presets as text and JSON, for the command line and the pages."""

from collections.abc import Iterable, Sequence
from typing import Any

from doorward.idp.facts import Answer, Cell, Fact
from doorward.idp.matrix import COLUMNS, Column
from doorward.idp.preset import Preset
from doorward.idp.seed import OUTDATED, SEED

LEGEND = (
    "? after an answer: not verified. ? alone: unknown. exp.: experimental.",
    "* after an answer: older tables say something else; see --sources.",
)


def cell_of(preset: Preset, column: Column) -> Cell:
    """Return the cell of ``preset`` in ``column``; unknown without a row."""
    if preset.matrix is None:
        return Fact(Answer.UNKNOWN, "", preset.claims.seen, verified=False)
    found: Cell = getattr(preset.matrix, column.key)
    return found


def cell_text(preset: Preset, column: Column) -> str:
    """Return the text of a cell: the answer, with its marks."""
    cell = cell_of(preset, column)
    if cell.value is Answer.UNKNOWN:
        return "?"
    outdated = "*" if (preset.name, column.key) in OUTDATED else ""
    answer = "exp." if cell.value is Answer.EXPERIMENTAL else cell.value
    return f"{answer}{'' if cell.verified else '?'}{outdated}"


def row_texts(preset: Preset) -> list[str]:
    """Return the row of a provider: its name and its cells."""
    return [preset.name, *(cell_text(preset, column) for column in COLUMNS)]


def source_rows(presets: tuple[Preset, ...]) -> list[list[str]]:
    """Return one row per cell: provider, column, answer, note, date, source."""
    return [
        [
            preset.name,
            column.title,
            cell_text(preset, column),
            _noted(preset, column),
            cell_of(preset, column).seen.isoformat(),
            cell_of(preset, column).source,
        ]
        for preset in presets
        for column in COLUMNS
    ]


def _noted(preset: Preset, column: Column) -> str:
    place = (preset.name, column.key)
    note = cell_of(preset, column).note
    if place not in OUTDATED:
        return note
    return f"the first table said {SEED[place]!r}; {OUTDATED[place]}"


def fact_document(fact: Fact[Any]) -> dict[str, Any]:
    """Return a fact for JSON."""
    document = {
        "value": fact.value,
        "source": fact.source,
        "seen": fact.seen.isoformat(),
        "verified": fact.verified,
    }
    return document | ({"note": fact.note} if fact.note else {})


def row_document(preset: Preset) -> dict[str, Any]:
    """Return the row of a provider for JSON."""
    cells = {}
    for column in COLUMNS:
        place = (preset.name, column.key)
        cells[column.key] = fact_document(cell_of(preset, column))
        if place in SEED:
            cells[column.key]["first_table"] = SEED[place]
            cells[column.key]["first_table_outdated"] = OUTDATED.get(place)
    return {"name": preset.name, "title": preset.title, "cells": cells}


def preset_document(preset: Preset) -> dict[str, Any]:
    """Return everything about a provider for JSON."""
    return {
        **(row_document(preset) if preset.matrix else {"name": preset.name, "title": preset.title}),
        "issuer": preset.issuer,
        "discovery": fact_document(preset.discovery),
        "audience": preset.audience,
        "audience_is_resource": preset.audience_is_resource,
        "tokens": preset.tokens,
        "lookup": fact_document(preset.lookup) if preset.lookup else None,
        "algorithms": list(preset.algorithms),
        "claims": fact_document(preset.claims),
        "facts": [fact_document(fact) for fact in preset.facts],
        "manual_registration": {
            "place": fact_document(preset.manual.place),
            "redirect_uris": fact_document(preset.manual.redirect_uris),
        }
        if preset.manual
        else None,
        "quirks": [
            {
                "departs_from": quirk.departs_from,
                "fact": fact_document(quirk.fact),
                "remedy": fact_document(quirk.remedy),
            }
            for quirk in preset.quirks
        ],
    }


def doubt(fact: Fact[Any]) -> str:
    """Return the suffix of a fact that is not verified."""
    return "" if fact.verified else " (not verified)"


def facts_in_words(preset: Preset) -> list[tuple[str, str]]:
    """Return the facts about a provider's tokens as (name, sentence) pairs."""
    told = [
        ("issuer", preset.issuer),
        *(("metadata", url + doubt(preset.discovery)) for url in preset.discovery.value),
        ("audience", preset.audience),
        ("tokens", _TOKENS[preset.tokens]),
        ("claims", preset.claims.value + doubt(preset.claims)),
    ]
    if preset.lookup is not None:
        told.append(("lookup", preset.lookup.value + doubt(preset.lookup)))
    if preset.profile is not None:
        told += _profile(preset)
    return told + [("fact", fact.value + doubt(fact)) for fact in preset.facts]


_TOKENS = {"jwt": "JWT", "opaque": "opaque", "either": "JWT or opaque, as it is set up"}


def _profile(preset: Preset) -> list[tuple[str, str]]:
    profile = preset.profile
    if profile is None:
        return []
    types = [*sorted(profile.types), *(["absent"] if profile.type_may_be_absent else [])]
    paths = [path if isinstance(path, str) else ".".join(path) for path in profile.role_paths]
    return [
        ("typ", ", ".join(types)),
        ("audience in", profile.audience_claim),
        ("subject in", ", else ".join(profile.subject_claims)),
        ("client in", ", else ".join(profile.client_claims)),
        ("scopes in", ", else ".join(profile.scope_claims)),
        ("roles in", ", ".join(paths) or "nowhere that is a list of names"),
    ]


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table as Markdown."""
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    lines += ["| " + " | ".join(map(escaped, row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Return ``text`` without what Markdown would read as markup."""
    for character in "\\|*_{":
        text = text.replace(character, f"\\{character}")
    # Python-Markdown shows the backslash before this one.
    return text.replace("<", "&lt;")
