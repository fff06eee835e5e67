"""When and how a user was authenticated."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from doorward.net.clock import CLOCK_SKEW


@dataclass(frozen=True, kw_only=True)
class Authentication:
    """
    When and how a user was authenticated: here, or as an identity provider said.

    ``time`` is in seconds since 1970; ``None`` if the provider did not say. ``acr`` and ``amr`` are the
    provider's own words.

    Spec: OpenID Connect Core 1.0 §2; RFC 8176 §2
    """

    time: float | None
    acr: str | None = None
    amr: tuple[str, ...] = ()

    def is_older_than(self, max_age: int | None, now: float) -> bool:
        """
        Return whether the user must be authenticated again; unknown times are too old.

        Spec: OpenID Connect Core 1.0 §3.1.2.1 (``max_age``)
        """
        if max_age is None:
            return False
        # 0 asks for another sign-in, as prompt=login does. A time in the future proves nothing: the
        # clock was set back.
        return (
            max_age == 0 or self.time is None or not now - max_age <= self.time <= now + CLOCK_SKEW
        )

    def claims(self) -> dict[str, Any]:
        """Return the claims of an ID token that say it; what is unknown is left out."""
        found: dict[str, Any] = {
            "auth_time": None if self.time is None else int(self.time),
            "acr": self.acr,
            "amr": sorted(self.amr) or None,
        }
        return {name: value for name, value in found.items() if value is not None}

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any]) -> "Authentication":
        """Return the authentication that ``claims`` wrote."""
        return cls(
            time=claims.get("auth_time"), acr=claims.get("acr"), amr=tuple(claims.get("amr", ()))
        )
