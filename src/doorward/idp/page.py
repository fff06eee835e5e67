"""The documentation page about providers, generated from the presets."""

from collections.abc import Sequence

from doorward.idp.matrix import COLUMNS
from doorward.idp.preset import Preset
from doorward.idp.registration_guide import place_in_words
from doorward.idp.rendering import (
    doubt,
    escaped,
    facts_in_words,
    markdown_table,
    row_texts,
    source_rows,
)
from doorward.idp.seed import SOURCE


def table(presets: Sequence[Preset]) -> str:
    """Return the table of providers as Markdown."""
    return markdown_table(
        ["Provider", *(column.title for column in COLUMNS)], map(row_texts, presets)
    )


def sources(presets: tuple[Preset, ...]) -> str:
    """Return the source and date of every cell as a Markdown table."""
    headings = ["Provider", "Column", "Answer", "Note", "Date", "Source"]
    return markdown_table(headings, source_rows(presets))


def providers_page(providers: tuple[Preset, ...]) -> str:
    """Return the page: the table, one section per provider, and the sources."""
    parts = [
        "# Identity providers\n",
        "Which standards of MCP authorization each provider supports, and what to set where it differs.",
        "In a terminal, use `doorward idp table` and `doorward idp show NAME`. To measure your own provider, use `doorward idp probe ISSUER`.\n",
        "```python",
        "Guard(",
        '    idp="keycloak",',
        '    issuer="https://login.example/realms/mcp",',
        '    resource="https://mcp.example/mcp",',
        "    policy=policy,",
        ")",
        "```\n",
        "If a provider does not let clients register themselves, [register them by hand](clients.md).\n",
        "If a provider's tokens cannot name the MCP server as their audience, add `audience`; its section gives the value.\n",
        table(providers),
        "`?` after an answer means not verified, `?` alone means unknown, and `exp.` means experimental.",
        f"`*` marks where [the source of the first four columns]({SOURCE}) is out of date.\n",
        *(f"- **{column.title}** {column.asks}" for column in COLUMNS),
        "",
        *(_section(preset) for preset in providers),
        "## Sources\n",
        "`recorded:` names a document in `tests/idp/recorded`.\n",
        sources(providers),
    ]
    return "\n".join(parts)


def _section(preset: Preset) -> str:
    page = f"[sign in with it](providers/{preset.name}.md)"
    lines = [f"## {preset.title}\n", f"`{preset.name}`: {page}\n"]
    lines += [f"- {name}: {_told(name, value)}" for name, value in facts_in_words(preset)]
    lines += [
        f"- register by hand, {name}: {escaped(value)}" for name, value in place_in_words(preset)
    ]
    lines.append("")
    for quirk in preset.quirks:
        lines += [
            f"- **{quirk.departs_from}**: {escaped(quirk.fact.value)}{doubt(quirk.fact)}",
            f"  To do: {escaped(quirk.remedy.value)}{doubt(quirk.remedy)}",
        ]
    return "\n".join(lines) + "\n"


def _told(name: str, value: str) -> str:
    if name not in ("issuer", "metadata"):
        return escaped(value)
    # URL templates as code: Markdown would turn them into broken links.
    form, space, rest = value.partition(" ")
    return f"`{form}`{space}{escaped(rest)}"
