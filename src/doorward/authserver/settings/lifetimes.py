"""How long codes, tokens and sessions live, and how often endpoints may be tried."""

from dataclasses import dataclass

from doorward.errors import ConfigurationError

LONGEST_GRACE = 120


@dataclass(frozen=True, kw_only=True)
class Lifetimes:
    """Lifetimes in seconds."""

    code: float = 60
    access_token: float = 600
    refresh_idle: float = 14 * 86400
    refresh_absolute: float = 90 * 86400
    # A refresh token that is sent again within this time gets the same response again.
    refresh_grace: float = 30
    session_idle: float = 2 * 3600
    session_absolute: float = 12 * 3600
    known_browser: float = 180 * 86400
    transaction: float = 600
    unused_client: float = 86400
    idle_client: float = 90 * 86400
    signing_key: float = 90 * 86400
    document_floor: float = 60
    document_ceiling: float = 86400


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Rate limits, in the notation of the ``limits`` package."""

    registrations_per_address: str = "30/10 minutes"
    registrations: str = "500/hour"
    # Wrong passwords for one username: per network or known browser, and from all networks together
    # without known browsers. On PostgreSQL, all replicas count together.
    sign_in_failures_per_name_and_address: str = "10/5 minutes"
    sign_in_failures_per_name: str = "300/hour"
    sign_ins_per_address: str = "60/5 minutes"
    token_failures_per_address: str = "120/minute"  # noqa: S105 - a rate
    authorizations_per_address: str = "120/minute"
    clients: int = 10_000
    code_attempts: int = 5


def require_lifetimes(life: Lifetimes) -> None:
    """
    Refuse lifetimes that are longer than the specifications or good sense allow.

    Raises:
        ConfigurationError: it names the setting and its limit.
    """
    if not 0 < life.code <= 60:
        raise ConfigurationError(
            "code-too-long",
            f"lifetimes.code is {life.code} seconds; it must be more than 0 and at most 60.",
            "Set lifetimes.code to 60 or less.",
        )
    if not 0 < life.access_token <= 86400:
        raise ConfigurationError(
            "access-token-too-long",
            f"lifetimes.access_token is {life.access_token} seconds; a day is the most.",
            "Set lifetimes.access_token to 86400 or less; 600 is the default.",
        )
    if not 0 <= life.refresh_grace <= LONGEST_GRACE:
        raise ConfigurationError(
            "grace-too-long",
            f"lifetimes.refresh_grace is {life.refresh_grace} seconds; it must be from 0 to 120.",
            "Set lifetimes.refresh_grace to 120 or less.",
        )
