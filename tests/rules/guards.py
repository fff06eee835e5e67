"""A guard whose verifier knows each caller by a word."""

from collections.abc import Mapping
from typing import Any

from doorward.errors import TokenRejected
from doorward.guard import Guard
from doorward.identity import Identity
from doorward.policy import Policy
from doorward.tokens import LocalKeys, TrustedIssuer
from tests.rules.model import Model

RESOURCE = "https://mcp.example/mcp"
ISSUERS = ("https://a.example", "https://b.example")
Callers = Mapping[bytes, Identity]


class UnknownToken(TokenRejected):
    """Nobody's token."""

    code = "signature-wrong"
    public = "Nobody's token."


class Table:
    """A verifier that looks a token up among ``callers``."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    async def start(self) -> None:
        """Fetch nothing."""

    async def aclose(self) -> None:
        """Close nothing."""

    def recall(self, token: bytes) -> Identity | None:
        """Return nobody: each token is verified."""
        return None

    async def verify(self, token: bytes) -> Identity:
        """Return whose token this is. Raises: UnknownToken."""
        if (caller := self._callers.get(token)) is None:
            raise UnknownToken("unknown")
        return caller

    def describe(self) -> list[dict[str, Any]]:
        """Return nothing."""
        return []


def policy_of(model: Model) -> Policy:
    """Return the operator's policy. Raises: ConfigurationError."""
    return Policy(
        base=model.base, rules=model.rules, hierarchy=model.hierarchy, unknown=model.unknown
    )


def guard_of(model: Model, callers: Callers, **options: Any) -> Guard:
    """Return a guard with the operator's policy. Raises: ConfigurationError."""
    issuers = [
        TrustedIssuer(
            issuer=one,
            audience=RESOURCE,
            algorithms=("ES256",),
            keys=LocalKeys(lambda: {"keys": []}, clock=lambda: 0.0),
        )
        for one in ISSUERS
    ]
    given = {"policy": policy_of(model), **options}
    return Guard(
        resource=RESOURCE, issuers=issuers, verifier=Table(callers), audit=lambda _: None, **given
    )
