"""A new authentication that a client asks for: what the provider is told, and the check of its answer."""

from dataclasses import asdict, dataclass
from typing import Any

from doorward.authserver.upstream.refusals import AuthenticationTooOld
from doorward.net.clock import LEEWAY


@dataclass(frozen=True, kw_only=True)
class Reauthentication:
    """
    The provider must authenticate the user after ``since``, in seconds since 1970.

    ``max_age`` is sent to the provider; it must then say when it did. ``None``: it is told by its
    ``prompt`` alone, and need not say so.

    Spec: OpenID Connect Core 1.0 §3.1.2.1
    """

    since: float
    max_age: int | None

    def to_json(self) -> dict[str, Any]:
        """Return the requirement as a JSON object."""
        return asdict(self)


def require_recent(auth_time: object, required: Reauthentication | None) -> None:
    """
    Refuse a sign-in that is older than the client allows.

    The attack: whoever sits at a browser in which somebody else is signed in removes ``prompt`` or
    ``max_age`` from the URL on its way to the provider, which then signs that person in without a word.

    Raises:
        AuthenticationTooOld: the user was not authenticated in time, or the provider does not say so.

    Spec: OpenID Connect Core 1.0 §3.1.3.7, rule 13
    """
    if required is None or (auth_time is None and required.max_age is None):
        return
    if not isinstance(auth_time, int | float) or not auth_time >= required.since - LEEWAY:
        raise AuthenticationTooOld(
            f"auth_time={str(auth_time)[:50]!r}, want {required.since:.0f} or later"
        )
