"""Which MCP client sends a request, and the form in which it can use a refusal."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from doorward.idp.clients import CLIENTS
from doorward.idp.clients.client import ConnectionFacts, McpClient, RefusalForm


def recognize(
    *, client_id: str | None, client_name: str | None, user_agent: str
) -> McpClient | None:
    """
    Return the client that sends a request, or ``None``.

    Only ``client_id`` is verified, and only where it comes from a token: it is the URL of the
    client's metadata document. ``client_name`` and ``user_agent`` are what the sender claims. Use
    the answer to choose a form of presentation, never to admit anything.
    """
    if client_id is not None and client_id in _BY_DOCUMENT:
        return _BY_DOCUMENT[client_id]
    if client_name is not None and client_name in _BY_NAME:
        return _BY_NAME[client_name]
    return _BY_PRODUCT.get(_product(user_agent))


def refusal_form(facts: ConnectionFacts, *, has_token: bool) -> RefusalForm:
    """
    Return the form in which this client can use the refusal of a tool call.

    ``has_token`` is whether its token was accepted, and only lacks scopes. A client that is known
    not to get more scopes after 403 gets a tool error, because the model can read the sentence in it.
    """
    ignores_403 = facts.step_up.verified and not facts.step_up.value
    if "http" not in facts.refusals.value or (has_token and ignores_403):
        return "tool-result"
    return "http"


def _product(user_agent: str) -> str:
    return user_agent.partition("/")[0].strip().casefold()


def _by(key: Callable[[ConnectionFacts], str | None]) -> Mapping[str, McpClient]:
    """Return the clients by a key. A key of several clients recognizes none of them."""
    found = [(key(one.connection), one) for one in CLIENTS if one.connection is not None]
    times = Counter(value for value, _ in found)
    return {value: one for value, one in found if value and times[value] == 1}


def _document(facts: ConnectionFacts) -> str | None:
    return None if facts.document is None else facts.document.value.get("client_id")


_BY_DOCUMENT = _by(_document)
_BY_NAME = _by(lambda facts: facts.client_name.value)
_BY_PRODUCT = _by(lambda facts: _product(facts.user_agent.value))


def names() -> Iterable[str]:
    """Return the names of the clients for which a form can be chosen."""
    return [one.name for one in CLIENTS if one.connection is not None]
