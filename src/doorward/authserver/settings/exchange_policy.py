"""Token exchange policies: which server may call which other server on behalf of its users."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from doorward.errors import ConfigurationError


class _Resource(Protocol):
    @property
    def uri(self) -> str: ...

    @property
    def scopes(self) -> Mapping[str, str]: ...


class _Client(Protocol):
    @property
    def client_id(self) -> str: ...

    @property
    def secret(self) -> str | None: ...


@dataclass(frozen=True, kw_only=True)
class ExchangePolicy:
    """
    A permission for one server to exchange the tokens it receives for tokens of one other server.

    ```python
    exchange = ExchangePolicy(
        client_id="mcp-server",
        resource="https://mcp.example/mcp",
        target="https://orders.example",
        scopes={"mcp:tools": frozenset({"orders:read"})},
    )
    assert exchange.reachable(frozenset({"mcp:tools"})) == {"orders:read"}
    ```

    ``client_id`` is the server's own configured client, which must have a secret. ``resource`` is
    the server's URI, the audience of the tokens it presents. ``target`` is the audience of the new
    tokens. ``scopes`` maps a caller's scope to scopes at the target:
    ``{"mcp:tools": {"orders:read"}}``. Scopes without an entry give nothing, and a new token never
    has a scope that the user does not hold.

    The user is not asked for consent: the operator vouches for the server with this policy.

    Spec: RFC 8693 §2.1, §5
    """

    client_id: str
    resource: str
    target: str
    scopes: Mapping[str, frozenset[str]]

    def reachable(self, held: frozenset[str]) -> frozenset[str]:
        """Return the scopes at the target for a token with the scopes ``held``."""
        return frozenset[str]().union(*(self.scopes.get(scope, frozenset()) for scope in held))


def require_exchanges(
    exchanges: Sequence[ExchangePolicy], clients: Sequence[_Client], resources: Sequence[_Resource]
) -> None:
    """
    Refuse a policy that cannot work, or that would let anybody exchange tokens.

    Raises:
        ConfigurationError: ``exchange-client``, ``exchange-resource``, ``exchange-scope`` or
            ``exchange-twice``.
    """
    known = {one.uri: one for one in resources}
    confidential = {one.client_id for one in clients if one.secret is not None}
    for one in exchanges:
        if one.client_id not in confidential:
            raise ConfigurationError(
                "exchange-client",
                f"The exchange for {one.client_id!r} needs a configured client with a secret.",
                "Add a ConfiguredClient of that id with a secret.",
            )
        if one.resource not in known or one.target not in known or one.resource == one.target:
            raise ConfigurationError(
                "exchange-resource",
                f"The exchange from {one.resource!r} to {one.target!r} does not name two resources.",
                "Set resource and target to the uri of two different resources.",
            )
        _require_scopes(one, known[one.resource], known[one.target])
    named = [(one.client_id, one.target) for one in exchanges]
    if len(set(named)) != len(named):
        raise ConfigurationError(
            "exchange-twice",
            "Two exchanges have the same client and target.",
            "Merge them into one exchange with all of the scopes.",
        )


def _require_scopes(exchange: ExchangePolicy, source: _Resource, target: _Resource) -> None:
    unknown = set(exchange.scopes) - set(source.scopes)
    unknown |= frozenset[str]().union(*exchange.scopes.values()) - set(target.scopes)
    if unknown or not exchange.scopes:
        raise ConfigurationError(
            "exchange-scope",
            f"The exchange maps unknown scopes: {sorted(unknown)}."
            if unknown
            else "The exchange maps no scopes, so it can never give a token.",
            "Map scopes of the resource to scopes of the target: {'mcp:tools': {'orders:read'}}.",
        )
