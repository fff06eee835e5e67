"""The reference of the doctor's findings: one page per hop, and an index by symptom and by sentence."""

import re
from collections import defaultdict
from collections.abc import Iterator

from docs.making import where_to_act

from doorward.doctor.findings.catalog import FINDINGS
from doorward.doctor.hops.hop import Hop
from doorward.doctor.hops.ladder import LADDER
from doorward.doctor.report.explanation import Explanation, explain
from doorward.idp.rendering import escaped

FOLDER = "docs/findings"
INDEX = f"{FOLDER}/index.md"
_RFC = re.compile(r"RFC (\d+) §([\d.]+)")


def hop_pages() -> dict[str, Hop]:
    """Return the pages of the hops that have findings, by their place."""
    hops = {one.hop for one in FINDINGS.values()}
    return {f"{FOLDER}/{hop.name}.md": hop for hop in LADDER if hop.name in hops}


def hop_page(hop: Hop) -> str:
    """Return the page of a hop: each of its findings in full."""
    parts = [
        f"# Findings: {hop.title}\n",
        "What [`doorward doctor`](../doctor.md) finds at this hop. All hops: [findings](index.md).\n",
    ]
    for one in _explanations(hop):
        parts += _section(one)
    return "\n".join(parts)


def index_page() -> str:
    """Return the index: findings by hop, then the sentences that clients show."""
    parts = [
        "# Findings of the doctor\n",
        "Each finding of [`doorward doctor`](../doctor.md): the symptom, the cause, who must act, and what to change.",
        "Codes are stable and unique.",
        "`doorward doctor --explain CODE` prints the same in a terminal.\n",
        "If your client shows an error, look for [its sentence](#what-clients-show).",
        "Many clients show one sentence for every cause. Then run the doctor: it tells them apart.\n",
    ]
    for place, hop in hop_pages().items():
        name = place.removeprefix(f"{FOLDER}/")
        rows = [
            [f"[`{one.code}`]({name}#{one.code})", escaped(one.title), one.who_acts]
            for one in _explanations(hop)
        ]
        parts += [f"## {hop.title}\n", _table(["Code", "Symptom", "Who acts"], rows)]
    parts += ["## What clients show\n", *_sentences()]
    return "\n".join(parts)


def _sentences() -> Iterator[str]:
    found: dict[str, list[str]] = defaultdict(list)
    for one in map(explain, FINDINGS.values()):
        for sentence in one.seen_as:
            link = f"[`{one.code}`]({one.hop}.md#{one.code})"
            found[sentence].append(f"- {link}: {escaped(one.title)}")
    for sentence, findings in sorted(found.items()):
        # A heading each: a search for the sentence finds it before every other page.
        yield "\n".join([f"### {_code(sentence)}\n", *findings, ""])


def _explanations(hop: Hop) -> list[Explanation]:
    return [explain(one) for one in FINDINGS.values() if one.hop == hop.name]


def _section(one: Explanation) -> Iterator[str]:
    yield f"## {one.code}\n"
    yield f"{escaped(one.title)}\n"
    yield f"- **Effect**: {one.effect}."
    yield f"- **Cause**: {escaped(one.cause)}"
    yield f"- **Who acts**: {one.who_acts}."
    if one.decide:
        yield f"- **What decides**: {escaped(one.decide)}"
    yield f"- **Change**: {escaped(one.change)}"
    yield from (f"- **{name}**: {escaped(text)}" for name, text in one.fixes.items())
    yield f"- **Where**: {where_to_act.of_hop(one.hop)}"
    if one.seen_as:
        yield f"- **Clients show**: {', '.join(map(_code, one.seen_as))}"
    if one.explained_by:
        codes = ", ".join(
            f"[`{code}`]({FINDINGS[code].hop}.md#{code})" for code in one.explained_by
        )
        yield f"- **Not reported after**: {codes}"
    if one.threads:
        yield f"- **Threads**: {', '.join(map(_thread, one.threads))}"
    if one.specs:
        yield f"- **Specification**: {', '.join(map(_spec, one.specs))}"
    yield ""


def _code(text: str) -> str:
    return f"`{text}`"


def _thread(name: str) -> str:
    repository, _, number = name.partition("#")
    if not number:
        return f"[{name}](https://{name})"
    return f"[{name}](https://github.com/{repository}/issues/{number})"


def _spec(name: str) -> str:
    return _RFC.sub(r"[\g<0>](https://www.rfc-editor.org/rfc/rfc\1.html#section-\2)", name)


def _table(headings: list[str], rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in [headings, ["---"] * len(headings), *rows]]
    return "\n".join(lines) + "\n"
