"""The form of a refused tool call: an HTTP status, or the result of the tool."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from doorward.errors import ConfigurationError
from doorward.identity import Identity
from doorward.wire.jsonrpc.envelope import Envelope

if TYPE_CHECKING:
    from doorward.idp.clients import RefusalForm

EVERY_OTHER = "*"
"""The name that stands for every client without a form of its own."""
_CLIENT_META = "io.modelcontextprotocol/clientInfo"


class RefusalForms:
    """
    Chooses the form in which a client learns that a tool call needs a token, or more scopes.

    A client is recognized by what its request claims. A false claim changes the form of its own
    refusal and nothing else: whether a call is refused is decided before. ``chosen`` replaces the
    forms in ``doorward.idp.clients``.

    Raises:
        ConfigurationError: with reason ``unknown-mcp-client`` or ``unknown-refusal-form``.
    """

    def __init__(self, chosen: "Mapping[str, RefusalForm] | None" = None) -> None:
        self._chosen = dict(chosen or {})
        if self._chosen:
            _require_known(self._chosen)

    def is_tool_error(
        self, envelope: Envelope, identity: Identity | None, user_agent: bytes
    ) -> bool:
        """Return whether the client learns from the result of its call that it must sign in."""
        # A notification gets no result.
        if envelope.method != "tools/call" or envelope.id is None:
            return False
        return self._form(envelope, identity, user_agent) == "tool-result"

    def _form(
        self, envelope: Envelope, identity: Identity | None, user_agent: bytes
    ) -> "RefusalForm":
        # Imported late: start-up is measured, and most guards refuse no tool call for a while.
        from doorward.idp.clients.recognition import recognize, refusal_form

        client = recognize(
            client_id=None if identity is None else identity.client_id,
            client_name=_client_name(envelope),
            user_agent=user_agent.decode("latin-1"),
        )
        otherwise = self._chosen.get(EVERY_OTHER, "http")
        if client is None or client.connection is None:
            return otherwise
        return self._chosen.get(client.name) or refusal_form(
            client.connection, has_token=identity is not None
        )


def _client_name(envelope: Envelope) -> str | None:
    meta = envelope.params.get("_meta")
    info = meta.get(_CLIENT_META) if isinstance(meta, dict) else None
    name = info.get("name") if isinstance(info, dict) else None
    return name if isinstance(name, str) else None


def _require_known(chosen: "Mapping[str, RefusalForm]") -> None:
    from doorward.idp.clients.client import REFUSAL_FORMS
    from doorward.idp.clients.recognition import names

    known = [*names(), EVERY_OTHER]
    for name, form in chosen.items():
        if name not in known:
            raise ConfigurationError(
                "unknown-mcp-client",
                f"refusal_forms has {name!r}, which is no MCP client that Doorward knows.",
                f"Use one of {', '.join(known)}.",
            )
        if form not in REFUSAL_FORMS:
            raise ConfigurationError(
                "unknown-refusal-form",
                f"The refusal form of {name!r} is {form!r}.",
                f"Use one of {', '.join(REFUSAL_FORMS)}.",
            )
