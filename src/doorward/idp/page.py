"""The documentation page about providers, generated from the presets."""

from collections.abc import Iterable, Sequence

from doorward.idp.matrix import COLUMNS
from doorward.idp.preset import Preset
from doorward.idp.rendering import doubt, facts_in_words, row_texts, source_rows
from doorward.idp.seed import SOURCE


def table(presets: Sequence[Preset]) -> str:
    """Return the table of providers as Markdown."""
    return _markdown(["Provider", *(column.title for column in COLUMNS)], map(row_texts, presets))


def sources(presets: tuple[Preset, ...]) -> str:
    """Return the source and date of every cell as a Markdown table."""
    headings = ["Provider", "Column", "Answer", "Note", "Date", "Source"]
    return _markdown(headings, source_rows(presets))


def providers_page(providers: tuple[Preset, ...]) -> str:
    """Return the page: the table, one section per provider, and the sources."""
    parts = [
        "# Identity providers\n",
        "What each provider supports of what MCP authorization builds on, and what to set where it differs.",
        "The same in a terminal: `doorward idp table`, `doorward idp show NAME`. Your own provider, measured: `doorward idp probe ISSUER`.\n",
        "```python",
        "Guard(",
        '    idp="keycloak",',
        '    issuer="https://login.example/realms/mcp",',
        '    resource="https://mcp.example/mcp",',
        "    policy=policy,",
        ")",
        "```\n",
        "Where tokens cannot name the MCP server as their audience, add `audience`; the section says what it is.\n",
        table(providers),
        "`?` after an answer means that it was not verified; `?` alone that nothing is known; `exp.` is experimental.",
        f"`*` marks where [the table in which the first four columns began]({SOURCE}) is out of date.\n",
        *(f"- **{column.title}** {column.asks}" for column in COLUMNS),
        "",
        *(_section(preset) for preset in providers),
        "## Sources\n",
        "`recorded:` names a document that is kept beside the tests, in `tests/idp/recorded`.\n",
        sources(providers),
    ]
    return "\n".join(parts)


def _section(preset: Preset) -> str:
    lines = [f"## {preset.title}\n", f"`{preset.name}`\n"]
    lines += [f"- {name}: {_told(name, value)}" for name, value in facts_in_words(preset)]
    lines.append("")
    for quirk in preset.quirks:
        lines += [
            f"- **{quirk.departs_from}**: {_escaped(quirk.fact.value)}{doubt(quirk.fact)}",
            f"  To do: {_escaped(quirk.remedy.value)}{doubt(quirk.remedy)}",
        ]
    return "\n".join(lines) + "\n"


def _told(name: str, value: str) -> str:
    if name not in ("issuer", "metadata"):
        return _escaped(value)
    # URL templates as code: Markdown would turn them into broken links.
    form, space, rest = value.partition(" ")
    return f"`{form}`{space}{_escaped(rest)}"


def _markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    lines += ["| " + " | ".join(map(_escaped, row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    for character in "|<*_{":
        text = text.replace(character, f"\\{character}")
    return text
