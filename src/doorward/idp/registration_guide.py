"""What to register by hand and where to enter it, for the command line and the documentation page."""

from collections.abc import Iterable
from typing import Any

from doorward.idp.clients import CLIENTS, McpClient
from doorward.idp.facts import Answer, Fact
from doorward.idp.preset import Preset
from doorward.idp.rendering import doubt, escaped, fact_document, markdown_table


def place_in_words(preset: Preset) -> list[tuple[str, str]]:
    """Return where a client is registered at a provider, as (name, sentence) pairs."""
    if preset.manual is None:
        return []
    place, uris = preset.manual.place, preset.manual.redirect_uris
    return [
        ("where", place.value + doubt(place)),
        ("redirect URIs", uris.value + doubt(uris)),
    ]


def client_in_words(client: McpClient, preset: Preset | None = None) -> list[tuple[str, str]]:
    """Return what ``client`` needs, at the provider of ``preset`` or at any, as pairs."""
    secret = client.client_secret.value
    if preset is not None:
        secret = secret.replace("ISSUER", f"'{preset.issuer.partition(',')[0]}'")
    return [
        *(
            ("redirect URI", uri + doubt(client.redirect_uris))
            for uri in client.redirect_uris.value
        ),
        ("client id", client.client_id.value + doubt(client.client_id)),
        ("secret", secret + doubt(client.client_secret)),
        *(("note", fact.value + doubt(fact)) for fact in client.facts),
        *(("note", text) for text in _limits(client, preset)),
    ]


def _limits(client: McpClient, preset: Preset | None) -> Iterable[str]:
    if client.name != "doorward" or preset is None or preset.matrix is None:
        return
    if preset.matrix.pkce.value not in (Answer.YES, Answer.UNKNOWN):
        yield "It refuses this provider, because the metadata does not offer PKCE with S256."


def client_document(client: McpClient) -> dict[str, Any]:
    """Return everything about a client for JSON."""
    uris = fact_document(client.redirect_uris)
    return {
        "name": client.name,
        "title": client.title,
        "redirect_uris": {**uris, "value": list(client.redirect_uris.value)},
        "client_id": fact_document(client.client_id),
        "client_secret": fact_document(client.client_secret),
        "facts": [fact_document(fact) for fact in client.facts],
        "setup": fact_document(client.setup) if client.setup else None,
        "sign_in": fact_document(client.sign_in) if client.sign_in else None,
        "messages": [fact_document(fact) for fact in client.messages],
        "connection": connection_document(client),
    }


def connection_document(client: McpClient) -> dict[str, Any] | None:
    """Return how a client connects, for JSON."""
    if client.connection is None:
        return None
    return {name: fact_document(fact) for name, fact in client.connection.all().items()}


def clients_page(providers: tuple[Preset, ...]) -> str:
    """Return the documentation page: what each client needs, and where each provider has it."""
    parts = [
        "# Pre-registered clients\n",
        "An administrator registers each MCP client once at the provider, and its users enter the client id.",
        "Take this if clients sign in at your provider directly, and the provider does not let them register themselves.",
        "With [the sign-in in front](sign-in.md), you register one application for all clients instead.\n",
        "1. Create a client at the provider. [Where to register](#where-to-register) names the screen.",
        "2. Register every redirect URI of the MCP client, byte for byte: `localhost` and `127.0.0.1` differ.",
        "3. Choose a public client, which has no secret. Use a secret if the provider requires one.",
        "4. Enter the client id, and the secret if there is one, as the client's section says.\n",
        "In a terminal, `doorward idp show NAME` prints this page for one provider.\n",
        *map(_section, CLIENTS),
        "## Where to register\n",
        markdown_table(
            ["Provider", "Where", "Redirect URIs"],
            [
                [preset.name, *(text for _, text in place_in_words(preset))]
                for preset in providers
                if preset.manual is not None
            ],
        ),
        "The other providers let clients register themselves.\n",
        "## Next\n",
        "- [The page of your client](clients/index.md): what it shows when it fails.",
        "- [Protect a server](protect.md) whose users sign in at this provider.",
    ]
    return "\n".join(parts) + "\n"


def _section(client: McpClient) -> str:
    lines = [f"## {client.title}\n"]
    for name, value in client_in_words(client):
        told = f"`{value}`" if name == "redirect URI" or _is_code(value) else escaped(value)
        lines.append(f"- {name}: {told}")
    facts: tuple[Fact[Any], ...] = (client.redirect_uris, client.client_id, client.client_secret)
    sources = {fact.source: fact.seen for fact in (*facts, *client.facts)}
    read = ", ".join(f"[{source}]({source}) ({seen})" for source, seen in sources.items())
    return "\n".join([*lines, f"\nRead: {read}.\n"])


def _is_code(value: str) -> bool:
    return value.startswith(_CODE)


_CODE = ("claude ", "codex ", "doorward ", "npx ", ".vscode", ".cursor", "settings.json", '"')
