"""One page for each MCP client: what to paste there, what it needs, and what its errors mean."""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from doorward.demo.client_setup import client_setups
from doorward.doctor.findings.catalog import FINDINGS
from doorward.doctor.report.explanation import explain
from doorward.idp.clients import CLIENTS, ConnectionFacts, McpClient
from doorward.idp.connection_guide import answer_in_words, fact_in_words, section_anchor
from doorward.idp.facts import Fact
from doorward.idp.rendering import doubt, escaped

FOLDER = "docs/clients"
INDEX = f"{FOLDER}/index.md"
URL = "https://YOUR-HOST/mcp"
NAME = "my-server"
# More findings than these are listed where all sentences are.
MOST_FINDINGS = 4
_NEEDS = {
    "registration": "Registers by",
    "scopes": "Takes scopes from",
    "step_up": "Gets more scopes after a refusal",
    "versions": "Speaks MCP",
    "user_agent": "User agent",
    "ipv4_only": "Needs an IPv4 address",
    "timeout": "Waits for a response, in seconds",
}
_EXPLAINED = tuple(map(explain, FINDINGS.values()))


def client_pages() -> dict[str, McpClient]:
    """Return the pages of the clients that others make, by their place."""
    return {f"{FOLDER}/{one.name}.md": one for one in CLIENTS if one.connection is not None}


def client_page(client: McpClient) -> str:
    """Return the page of a client."""
    facts = client.connection
    assert facts is not None
    anchor = section_anchor(client)
    parts = [
        f"# Connect {client.title}\n",
        f"What you enter in {client.title}, what it needs from your server, and what its errors mean.",
        "Sentences without a published source are marked as not verified.\n",
        "## Add the server\n",
        *_setup(client),
        "## What it needs from your server\n",
        _table(["What", "Value"], _needs(client, facts)),
        *(f"- {escaped(fact.value)}{doubt(fact)}" for fact in client.facts),
        "",
        "Doorward's authorization server registers this client without a setting.",
        f"[All facts, each with its source](../how-clients-connect.md#{anchor}).\n",
        "## If the issuer registers no clients\n",
        "Register the redirect URIs above at your provider, as a public client. Then enter the client id:\n",
        f"- {_code(client.client_id.value)}{doubt(client.client_id)}",
        f"- Secret, if there is one: {_code(client.client_secret.value)}{doubt(client.client_secret)}\n",
        "[Where to register at each provider](../clients.md#where-to-register). With [the sign-in in front](../sign-in.md), no client is registered by hand.\n",
        "## When it fails\n",
        _table(["It shows", "What it means", "Findings"], map(_message, client.messages)),
        "Give the sentence to [the doctor](../doctor.md). It asks as this client does, and says which hop fails and who must act:\n",
        f'```bash\ndoorward doctor {URL} --as {client.name} --saw "{client.messages[0].value}"\n```\n',
        "If the request reached your server, its log has a [reason code](../reasons.md) for it.",
        "[The story](../story.md) of the attempt shows it request by request.\n",
        "## Sources\n",
        *_sources(client, facts),
        "",
        f'In your tests, `server.connect("{client.name}")` [connects as this client does](../testing.md).',
    ]
    return "\n".join(parts) + "\n"


def index_page() -> str:
    """Return the list of the pages, with what differs most."""
    rows = [
        [
            f"[{one.title}]({one.name}.md)",
            fact_in_words("registration", facts.registration) + doubt(facts.registration),
            answer_in_words(facts),
        ]
        for one in CLIENTS
        if (facts := one.connection) is not None
    ]
    parts = [
        "# Connect an MCP client\n",
        "Each page says what to enter in one client, what it needs from your server, and what its errors mean.\n",
        "Any client connects in the same way: it gets the URL of the MCP server, and a browser opens for the sign-in.\n",
        _table(["Client", "Registers by", "Doorward answers a refused call with"], rows),
        "- [How clients differ, fact by fact](../how-clients-connect.md)",
        "- [Clients that you register by hand](../clients.md)",
        "- [Find out why a client cannot connect](../doctor.md)",
    ]
    return "\n".join(parts) + "\n"


def _setup(client: McpClient) -> Iterator[str]:
    pasted = {one.client: one for one in client_setups(URL, NAME)}.get(client.title)
    if pasted is not None:
        where = "In a terminal" if pasted.where == "terminal" else f"In `{pasted.where}`"
        needs = f", with {pasted.needs}" if pasted.needs else ""
        language = "bash" if pasted.where == "terminal" else "json"
        yield f"{where}{needs}:\n\n```{language}\n{pasted.line}\n```\n"
    elif client.setup is not None:
        told = client.setup.value.replace("NAME", NAME)
        if told.startswith("{"):
            yield f"In the settings of your client:\n\n```json\n{told.replace('URL', URL)}\n```\n"
        else:
            yield f"{escaped(told)}{doubt(client.setup)}{_noted(client.setup)}\n"
            yield f"```text\n{URL}\n```\n"
    if client.sign_in is not None:
        told = client.sign_in.value.replace("NAME", NAME)
        shown = told if "," in told else f"`{told}`"
        yield f"To sign in: {shown}{doubt(client.sign_in)}\n"


def _needs(client: McpClient, facts: ConnectionFacts) -> Iterator[list[str]]:
    yield ["Redirect URIs", ", ".join(f"`{uri}`" for uri in client.redirect_uris.value)]
    for name, label in _NEEDS.items():
        fact = getattr(facts, name)
        yield [label, f"{fact_in_words(name, fact)}{doubt(fact)}.{_noted(fact)}"]
    if facts.registration_request.note:
        yield ["Its registration", facts.registration_request.note]
    yield ["Doorward answers a refused call with", answer_in_words(facts)]


def _message(fact: Fact[str]) -> list[str]:
    return [f"`{fact.value}`", f"{escaped(fact.note)}{doubt(fact)}", _findings(fact.value)]


def _findings(sentence: str) -> str:
    """Return links to what the doctor knows by this sentence."""
    shown = sentence.casefold()
    found = [
        one
        for one in _EXPLAINED
        if any(seen.casefold() in shown or shown in seen.casefold() for seen in one.seen_as)
    ]
    if len(found) > MOST_FINDINGS:
        return f"[{len(found)} causes](../findings/index.md#what-clients-show)"
    return ", ".join(f"[`{one.code}`](../findings/{one.hop}.md#{one.code})" for one in found) or "–"


def _noted(fact: Fact[Any]) -> str:
    return f" {escaped(fact.note)}" if fact.note else ""


_CODE = re.compile(r"^(claude|codex|npx|\.vscode|\.cursor|settings\.json) ?|^Add \"")


def _code(text: str) -> str:
    return f"`{text}`" if _CODE.match(text) else escaped(text)


def _sources(client: McpClient, facts: ConnectionFacts) -> Iterator[str]:
    read: dict[str, date] = {}
    told: Iterable[Fact[Any]] = (
        client.redirect_uris,
        client.client_id,
        client.client_secret,
        *client.facts,
        *client.messages,
        *(one for one in (client.setup, client.sign_in) if one is not None),
        *facts.all().values(),
    )
    for fact in told:
        if fact.source.startswith("https://"):
            read.setdefault(fact.source, fact.seen)
    for source, seen in sorted(read.items()):
        yield f"- <{source}>, read on {seen.isoformat()}"


def _table(headings: list[str], rows: Iterable[list[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in [headings, ["---"] * len(headings), *rows]]
    return "\n".join(lines) + "\n"
