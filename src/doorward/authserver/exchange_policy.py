"""Which servers may act at other servers for the people who call them, as the operator decides."""

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
    A server that may exchange the tokens it receives for tokens at one other server.

    ``client_id`` is a configured client with a secret: the server itself. ``resource`` is its own
    address, which the tokens it presents must be for; ``target`` is where the new ones are for.
    ``scopes`` says what a caller's scope is worth at the target:
    ``{"mcp:tools": {"orders:read"}}``. What is not named is worth nothing, and nobody gets a scope
    there that the user does not have.

    The user is not asked: by writing this down, the operator vouches for the server.

    Spec: RFC 8693 §2.1, §5
    """

    client_id: str
    resource: str
    target: str
    scopes: Mapping[str, frozenset[str]]

    def reachable(self, held: frozenset[str]) -> frozenset[str]:
        """Return what a token with the scopes ``held`` is worth at the target."""
        return frozenset[str]().union(*(self.scopes.get(scope, frozenset()) for scope in held))


def require_exchanges(
    exchanges: Sequence[ExchangePolicy], clients: Sequence[_Client], resources: Sequence[_Resource]
) -> None:
    """
    Refuse an exchange that could not work, or that would work for anybody.

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
                f"{one.client_id!r} is to exchange tokens and is no configured client with a secret.",
                "Add a ConfiguredClient with a secret: without one, anybody could be it.",
            )
        if one.resource not in known or one.target not in known or one.resource == one.target:
            raise ConfigurationError(
                "exchange-resource",
                f"An exchange from {one.resource!r} to {one.target!r} has no two resources.",
                "Name the uri of two different resources.",
            )
        _require_scopes(one, known[one.resource], known[one.target])
    named = [(one.client_id, one.target) for one in exchanges]
    if len(set(named)) != len(named):
        raise ConfigurationError(
            "exchange-twice",
            "Two exchanges are for the same client and target.",
            "Write them as one, with all of their scopes.",
        )


def _require_scopes(exchange: ExchangePolicy, source: _Resource, target: _Resource) -> None:
    strange = set(exchange.scopes) - set(source.scopes)
    strange |= frozenset[str]().union(*exchange.scopes.values()) - set(target.scopes)
    if strange or not exchange.scopes:
        raise ConfigurationError(
            "exchange-scope",
            f"No resource of the exchange has {sorted(strange)}."
            if strange
            else "An exchange without scopes gives nothing.",
            "Map scopes of the resource to scopes of the target: {'mcp:tools': {'orders:read'}}.",
        )
