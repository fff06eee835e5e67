"""An issuer's HTTP response about a token: a JSON object, or a refusal as unavailable."""

from collections.abc import Mapping
from typing import Any

from doorward.net import (
    Fetcher,
    FetchFailed,
    FetchRefused,
    FetchRequest,
    FetchResponse,
    UnusableResponse,
)
from doorward.net.circuit_breaker import BUSY, RETRY
from doorward.tokens.refusals import LookupUnavailable
from doorward.wire import strict_json

# Keycloak's response about somebody with hundreds of roles is the largest we know, at 20 kB.
MAX_RESPONSE = 64 * 1024
# Seconds without a request: after the issuer refused this server's credentials, and at most when it
# sends Retry-After.
_REFUSED_PAUSE = 10
_LONGEST_PAUSE = 60


async def ask(fetcher: Fetcher, url: str, request: FetchRequest) -> FetchResponse:
    """
    Return what ``url`` answers.

    Raises:
        LookupUnavailable: 503; no response, or one that is too large or too late.
    """
    try:
        return await fetcher.send(url, request, limit=MAX_RESPONSE)
    except (UnusableResponse, FetchRefused) as error:
        raise LookupUnavailable(f"{type(error).__name__}: {error.detail}") from None
    except FetchFailed as error:
        raise LookupUnavailable(
            f"{type(error).__name__}: {error.detail}", retry_after=RETRY, hold=RETRY, silent=True
        ) from None


def read(response: FetchResponse, whom: str) -> Mapping[str, Any]:
    """
    Return the JSON object of a response with status 200.

    Raises:
        LookupUnavailable: 503, also for a 401: those are this server's credentials, not the
            caller's.
    """
    if response.status in (401, 403) or _is_invalid_client(response):
        _tell_operator(whom, response.status)
        # Not at every request: issuers lock out a client that repeats a wrong secret.
        raise LookupUnavailable(
            f"{whom} refuses this server's own credentials ({response.status}): check client_id,"
            " client_secret and method of the lookup",
            retry_after=_REFUSED_PAUSE,
            hold=_REFUSED_PAUSE,
        )
    if response.status != 200:
        pause = _retry_after(response) or (RETRY if response.status in BUSY else 0)
        raise LookupUnavailable(
            f"{whom} answered {response.status}", retry_after=pause or RETRY, hold=pause
        )
    return json_object(response, whom)


def json_object(response: FetchResponse, whom: str) -> dict[str, Any]:
    """
    Return the JSON object in ``response``, whatever its status.

    Raises:
        LookupUnavailable: 503; an HTML page or broken JSON says nothing about the token.
    """
    if response.media_type != "application/json":
        raise LookupUnavailable(f"{whom} answered with {response.media_type[:100]!r}, not JSON")
    try:
        return strict_json.parse_object(response.body)
    except strict_json.NotStrictJson as error:
        raise LookupUnavailable(f"{whom} answered with unreadable JSON: {error}") from None


def without(token: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``body`` without the token: some issuers repeat it, and an identity must not contain it."""
    return {name: value for name, value in body.items() if value != token}


def _is_invalid_client(response: FetchResponse) -> bool:
    """Say whether this is a 400 with ``invalid_client``, which some issuers send instead of 401."""
    if response.status != 400:
        return False
    try:
        body = strict_json.parse_object(response.body)
    except strict_json.NotStrictJson:
        return False
    return body.get("error") in ("invalid_client", "unauthorized_client")


def _retry_after(response: FetchResponse) -> int:
    """Return the seconds in Retry-After, 0 without one."""
    retry_after = response.headers.get("retry-after", "").strip()
    if not (retry_after.isascii() and retry_after.isdigit()):
        return 0
    return min(int(retry_after[:6]), _LONGEST_PAUSE)


def _tell_operator(whom: str, status: int) -> None:
    """Log that every token is refused until a setting is changed."""
    # Imported by the first warning, because it takes 10 MB.
    import structlog

    structlog.get_logger("doorward.tokens").warning(
        "lookup-credentials-refused",
        asked=whom,
        status=status,
        hint="Every token is answered 503 until client_id and client_secret are right.",
    )
