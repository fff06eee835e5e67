"""An issuer's HTTP answer about a token: an object to read, or nothing that says anything of it."""

from collections.abc import Mapping
from typing import Any

from doorward.net import (
    AnswerUnusable,
    Fetcher,
    FetchFailed,
    FetchRefused,
    FetchRequest,
    FetchResponse,
)
from doorward.net.circuit_breaker import BUSY, RETRY
from doorward.tokens.refusals import LookupUnavailable
from doorward.wire import strict_json

# Keycloak's answer about somebody with hundreds of roles is the largest we know, at 20 kB.
LARGEST_ANSWER = 64 * 1024
# Seconds: for how long an issuer is left in peace that refuses this server, and at most when it asks
# for peace itself.
_REFUSED_PAUSE = 10
_LONGEST_PAUSE = 60


async def ask(fetcher: Fetcher, url: str, question: FetchRequest) -> FetchResponse:
    """
    Return what ``url`` answers.

    Raises:
        LookupUnavailable: 503; nobody answers, or too much, or not in time.
    """
    try:
        return await fetcher.ask(url, question, limit=LARGEST_ANSWER)
    except (AnswerUnusable, FetchRefused) as error:
        raise LookupUnavailable(f"{type(error).__name__}: {error.detail}") from None
    except FetchFailed as error:
        raise LookupUnavailable(
            f"{type(error).__name__}: {error.detail}", retry_after=RETRY, hold=RETRY, silent=True
        ) from None


def read(answer: FetchResponse, whom: str) -> Mapping[str, Any]:
    """
    Return the JSON object of an answer with status 200.

    Raises:
        LookupUnavailable: 503, also for 401: the credentials are this server's and not the
            caller's, who did nothing wrong.
    """
    if answer.status in (401, 403) or _names_client(answer):
        _tell_operator(whom, answer.status)
        # Not at every request: issuers lock a client out that shows wrong secrets in a row.
        raise LookupUnavailable(
            f"{whom} refuses this server's own credentials ({answer.status}): check client_id,"
            " client_secret and method of the lookup",
            retry_after=_REFUSED_PAUSE,
            hold=_REFUSED_PAUSE,
        )
    if answer.status != 200:
        pause = _asked_pause(answer) or (RETRY if answer.status in BUSY else 0)
        raise LookupUnavailable(
            f"{whom} answered {answer.status}", retry_after=pause or RETRY, hold=pause
        )
    return json_object(answer, whom)


def json_object(answer: FetchResponse, whom: str) -> dict[str, Any]:
    """
    Return the JSON object in ``answer``, whatever its status.

    Raises:
        LookupUnavailable: 503; a page or a broken answer says nothing of the token.
    """
    if answer.media_type != "application/json":
        raise LookupUnavailable(f"{whom} answered with {answer.media_type[:100]!r}, not JSON")
    try:
        return strict_json.parse_object(answer.body)
    except strict_json.NotStrictJson as error:
        raise LookupUnavailable(f"{whom} answered with unreadable JSON: {error}") from None


def without(token: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``said`` without the token: some issuers repeat it, and an identity must not hold it."""
    return {name: value for name, value in said.items() if value != token}


def _names_client(answer: FetchResponse) -> bool:
    """Whether it is the 400 by which some issuers say invalid_client."""
    if answer.status != 400:
        return False
    try:
        said = strict_json.parse_object(answer.body)
    except strict_json.NotStrictJson:
        return False
    return said.get("error") in ("invalid_client", "unauthorized_client")


def _asked_pause(answer: FetchResponse) -> int:
    """Return the seconds for which the issuer wants to be left in peace, 0 when it does not say."""
    said = answer.headers.get("retry-after", "").strip()
    if not (said.isascii() and said.isdigit()):
        return 0
    return min(int(said[:6]), _LONGEST_PAUSE)


def _tell_operator(whom: str, status: int) -> None:
    """Say in a sentence of its own that nobody gets in until a setting is changed."""
    # Brought in by the first warning: with what it brings along, it weighs 10 MB.
    import structlog

    structlog.get_logger("doorward.tokens").warning(
        "lookup-credentials-refused",
        asked=whom,
        status=status,
        hint="Every token is answered 503 until client_id and client_secret are right.",
    )
