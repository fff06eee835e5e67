"""Requests that must be refused: they show whether an advertised endpoint works."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from doorward.idp.facts import Answer
from doorward.net import Fetcher, FetchFailed, FetchRequest, FetchResponse
from doorward.wire import address, strict_json

# Invalid in three ways, so that no server may accept it: a redirect URI with a fragment (RFC 6749
# §3.1.2), a host that cannot exist (RFC 6761 §6.4), and an unknown authentication method.
# Not an empty list of redirect URIs: some servers register that, for other grants.
INVALID_REGISTRATION: Mapping[str, Any] = {
    "client_name": "invalid on purpose: please refuse",
    "redirect_uris": ["https://probe.invalid/callback#fragment"],
    "grant_types": ["authorization_code"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "no-such-method",
}
# Invalid in its redirect URI only: what a desktop client sends, but for the fragment.
NEARLY_VALID_REGISTRATION: Mapping[str, Any] = {
    **INVALID_REGISTRATION,
    "redirect_uris": ["http://127.0.0.1/callback#fragment"],
    "application_type": "native",
    "token_endpoint_auth_method": "none",
}
_ABSENT = frozenset({404, 405, 410, 501})
_JUDGED = frozenset({"invalid_redirect_uri", "invalid_client_metadata"})
_ERROR = re.compile(r"[a-zA-Z0-9_.-]{1,60}")
_PLAIN = re.compile(r"[\x21-\x7e]{1,4096}")


@dataclass(frozen=True)
class ProbeAttempt:
    """The result of an attempt; ``left_behind`` names what could not be deleted, if anything."""

    answer: Answer
    evidence: str
    left_behind: str | None = None


async def register(fetcher: Fetcher, endpoint: str) -> ProbeAttempt:
    """
    Return whether ``endpoint`` lets unknown clients register, without registering one.

    Every server must refuse the request. If one accepts it, the probe deletes the registration.
    Keycloak validates the request before its policies decide who may register. Such a server gets a
    second request with fewer errors.

    Spec: RFC 7591 §3.1, §3.2.2; RFC 7592 §2.3
    """
    try:
        answer = await _send(fetcher, endpoint, INVALID_REGISTRATION)
        if answer.status == 400 and _error(answer) == "invalid_client_metadata":
            answer = await _send(fetcher, endpoint, NEARLY_VALID_REGISTRATION)
    except FetchFailed as failure:
        return ProbeAttempt(Answer.UNKNOWN, f"advertised; not measured: {failure.detail}")
    if 200 <= answer.status < 300:
        return await _delete_registration(fetcher, endpoint, _document(answer))
    return judge_registration(answer.status, _error(answer))


async def _send(fetcher: Fetcher, endpoint: str, registration: Mapping[str, Any]) -> FetchResponse:
    question = FetchRequest(
        method="POST",
        body=json.dumps(registration).encode(),
        content_type="application/json",
    )
    return await fetcher.send(endpoint, question, limit=64 * 1024)


def judge_registration(status: int, error: str) -> ProbeAttempt:
    """Return what the refusal of the invalid registration shows."""
    told = f"{status} {error}".strip()
    if status in _ABSENT:
        return ProbeAttempt(Answer.NO, f"advertised, but responds {told}")
    if error in _JUDGED:
        return ProbeAttempt(Answer.YES, f"validates registrations of unknown clients: {told}")
    if status in (400, 401, 403) and (status != 400 or error not in ("", "invalid_request")):
        return ProbeAttempt(Answer.PARTLY, f"advertised, but refuses unknown clients: {told}")
    return ProbeAttempt(Answer.UNKNOWN, f"advertised; inconclusive: {told}")


async def _delete_registration(
    fetcher: Fetcher, endpoint: str, document: Mapping[str, Any]
) -> ProbeAttempt:
    client = str(document.get("client_id", "without a client_id"))[:200]
    place, token = (
        document.get("registration_client_uri"),
        document.get("registration_access_token"),
    )
    evidence = "accepted a registration that must be refused"
    usable = isinstance(token, str) and _PLAIN.fullmatch(token)
    # Only at the origin that created the client: another origin must not get the token.
    if not usable or not _is_same_origin(place, endpoint):
        return ProbeAttempt(Answer.YES, evidence, left_behind=f"client {client}")
    try:
        gone = await fetcher.send(
            str(place), FetchRequest(method="DELETE", authorization=f"Bearer {token}")
        )
    except FetchFailed:
        return ProbeAttempt(Answer.YES, evidence, left_behind=f"client {client}")
    if gone.status not in (200, 204):
        return ProbeAttempt(Answer.YES, evidence, left_behind=f"client {client}")
    return ProbeAttempt(Answer.YES, f"{evidence}; deleted again")


def _is_same_origin(place: object, endpoint: str) -> bool:
    if not isinstance(place, str) or address.split(place) is None:
        return False
    return address.origin_of(place) == address.origin_of(endpoint)


async def probe_endpoint(fetcher: Fetcher, endpoint: str) -> ProbeAttempt:
    """Return whether ``endpoint`` responds to a form without a token or client credentials."""
    question = FetchRequest(
        method="POST", body=b"token=", content_type="application/x-www-form-urlencoded"
    )
    try:
        answer = await fetcher.send(endpoint, question, limit=64 * 1024)
    except FetchFailed as failure:
        return ProbeAttempt(Answer.UNKNOWN, f"advertised; not measured: {failure.detail}")
    told = f"{answer.status} {_error(answer)}".strip()
    if answer.status in _ABSENT:
        return ProbeAttempt(Answer.NO, f"advertised, but responds {told}")
    if answer.status in (200, 400, 401, 403):
        return ProbeAttempt(Answer.YES, f"advertised and responds: {told}")
    return ProbeAttempt(Answer.UNKNOWN, f"advertised; inconclusive: {told}")


def _document(answer: FetchResponse) -> Mapping[str, Any]:
    try:
        return strict_json.parse_object(answer.body)
    except strict_json.NotStrictJson:
        return {}


def _error(answer: FetchResponse) -> str:
    error = _document(answer).get("error")
    # The code only: descriptions are untrusted text, and may repeat what was sent.
    return error if isinstance(error, str) and _ERROR.fullmatch(error) else ""
