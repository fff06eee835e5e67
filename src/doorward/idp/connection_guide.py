"""How MCP clients connect, as a documentation page."""

from collections.abc import Mapping
from typing import Any

from doorward.idp.clients import CLIENTS, ConnectionFacts, McpClient
from doorward.idp.clients.recognition import refusal_form
from doorward.idp.facts import Fact
from doorward.idp.rendering import doubt, escaped, markdown_table

_COLUMNS = {
    "Registers by": "registration",
    "Scopes from": "scopes",
    "`resource`": "resource",
    "Checks `iss`": "iss",
    "Gets more scopes": "step_up",
    "MCP": "versions",
    "User agent": "user_agent",
}

_BOTH = (False, True)

_LABELS = {
    "user_agent": "User agent, MCP requests",
    "oauth_user_agent": "User agent, other requests",
    "client_name": "`clientInfo.name`",
    "timeout": "Time limit, in seconds",
    "ipv4_only": "Needs an IPv4 address",
    "first_request": "Reads the challenge after",
    "resource_metadata": "Looks for resource metadata in",
    "resource_match": "Compares `resource` with the URL",
    "issuer_metadata": "Looks for issuer metadata in",
    "issuer_match": "Refuses another issuer in the metadata",
    "fallback": "Takes the server's origin as the issuer",
    "registration": "Registers by",
    "document": "Client ID metadata document",
    "registration_request": "Sends to register",
    "redirect_uri": "Redirect URI",
    "scopes": "Takes scopes from",
    "offline_access": "Adds `offline_access`",
    "resource": "Sends `resource`",
    "iss": "Checks `iss` in the authorization response",
    "versions": "MCP versions",
    "refusals": "Offers a sign-in after",
    "security_schemes": "Needs `securitySchemes` of the tool for that",
    "step_up": "Then gets more scopes",
    "refresh_parameters": "Sends with a refresh",
}


# What a value means, where the value alone does not say it.
_WORDS = {
    ("resource_match", "exact"): "byte for byte",
    ("resource_match", "normalized"): "after parsing both as URLs",
    ("resource_match", "parent"): "after parsing; a parent path is enough",
    ("fallback", "never"): "never",
    ("fallback", "missing"): "if there is no resource metadata",
    ("fallback", "any"): "if there is no resource metadata that it can use",
    ("iss", "never"): "never",
    ("iss", "announced"): "if it is announced or sent",
    ("resource", "metadata"): "as in the resource metadata",
    (
        "resource",
        "normalized",
    ): "from the resource metadata, parsed as a URL: an origin gets a slash",
    ("resource", "url"): "the URL of the server",
    ("refusals", "http"): "401 or 403 with a challenge",
    ("refusals", "tool-result"): '`_meta["mcp/www_authenticate"]` in a tool result',
    ("registration", "document"): "a client ID metadata document",
    ("registration", "registered"): "dynamic registration",
    ("registration", "pre-registered"): "a client id from the user",
    ("scopes", "challenge"): "the challenge",
    ("scopes", "resource"): "the resource metadata",
    ("scopes", "issuer"): "the issuer metadata",
    ("resource_metadata", "challenge"): "the URL in the challenge",
    ("resource_metadata", "path"): "the path-inserted URL",
    ("resource_metadata", "suffix"): "the well-known path behind the URL",
    ("resource_metadata", "root"): "the root",
    ("issuer_metadata", "oauth"): "RFC 8414",
    ("issuer_metadata", "openid"): "OpenID, path-inserted",
    ("issuer_metadata", "openid-suffix"): "OpenID",
    ("issuer_metadata", "oauth-root"): "RFC 8414 at the root",
    ("issuer_metadata", "openid-root"): "OpenID at the root",
}


def connection_page() -> str:
    """Return the documentation page: a table of all clients, and every fact about each."""
    known = [(client, client.connection) for client in CLIENTS if client.connection is not None]
    parts = [
        "# How MCP clients connect\n",
        "MCP clients differ in where they look, how they register and which scopes they request.",
        "A server that one client accepts can fail for another.",
        "[Test your server as each of them](testing.md).\n",
        "A `?` marks what no source states. Everything else has its source, read on the date beside it.\n",
        markdown_table(
            ["Client", *_COLUMNS],
            [
                [
                    f"[{client.title}](#{section_anchor(client)})",
                    *(_cell(getattr(facts, name)) for name in _COLUMNS.values()),
                ]
                for client, facts in known
            ],
        ).replace("\\_", "_"),
        *(_section(client, facts) for client, facts in known),
    ]
    return "\n".join(parts)


def _section(client: McpClient, facts: ConnectionFacts) -> str:
    rows = []
    for name, fact in facts.all().items():
        note = f" {fact.note}" if fact.note else ""
        rows.append(
            [_LABELS[name], f"{fact_in_words(name, fact)}{doubt(fact)}.{note}", _source(fact)]
        )
    rows.append(
        ["Doorward answers a refused tool call with", answer_in_words(facts), "the rows above"]
    )
    lines = [f"## {client.title}\n", "| What | Value | Source |", "|---|---|---|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def answer_in_words(facts: ConnectionFacts) -> str:
    """Return how Doorward answers a tool call of this client that it refuses."""
    without, fewer = (_WORDS["refusals", refusal_form(facts, has_token=one)] for one in _BOTH)
    if without == fewer:
        return f"{without}."
    return f"{without}, if it has no token; {fewer}, if its token lacks a scope."


def _source(fact: Fact[Any]) -> str:
    if not fact.source.startswith("https://"):
        return "none"
    place = fact.source.removeprefix("https://").split("/")
    short = "/".join(place[:3])
    return f"[{escaped(short)}]({fact.source}) ({fact.seen})"


def _cell(fact: Fact[Any]) -> str:
    return _short(fact.value) + ("" if fact.verified else "?")


def _short(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(value) or "nothing"
    return str(value) or "none"


def fact_in_words(name: str, fact: Fact[Any]) -> str:
    """Return what the fact of that name in ``ConnectionFacts`` says."""
    value = fact.value
    if isinstance(value, Mapping):
        return f"`{value.get('client_id') or ', '.join(value)}`"
    if isinstance(value, tuple) and value:
        return ", then ".join(_WORDS.get((name, one), str(one)) for one in value)
    if isinstance(value, str) and value:
        return _WORDS.get((name, value), f"`{value}`")
    return f"{value:g}" if isinstance(value, float) else _short(value)


def section_anchor(client: McpClient) -> str:
    """Return the anchor of a client's section."""
    kept = [one for one in client.title.lower() if one.isalnum() or one in " -"]
    return "".join(kept).replace(" ", "-")
