"""The authorization request, and the validation of its response."""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from doorward.client.refusals import SignInFailed
from doorward.wire.oauth.parameters import problem_with_names
from doorward.wire.oauth.pkce import METHOD, challenge_of
from doorward.wire.oauth.scope import build_scope
from doorward.wire.oauth.server_metadata import ServerMetadata

# RFC 6749 §4.1.2.1 and OpenID Connect. Other errors are not shown: the text comes through the
# browser, and an attacker can put it into a link.
_KNOWN_ERRORS = {
    "access_denied": "The request was denied.",
    "invalid_scope": "The authorization server refused a requested scope.",
    "invalid_target": "The authorization server issues no tokens for this MCP server.",
    "invalid_request": "The authorization server refused the request as invalid.",
    "unauthorized_client": "This client may not use the code flow there.",
    "unsupported_response_type": "The authorization server does not offer the code flow.",
    "server_error": "The authorization server reported an internal error.",
    "temporarily_unavailable": "The authorization server is overloaded.",
    "login_required": "Nobody is signed in at the authorization server.",
    "consent_required": "Consent is missing at the authorization server.",
    "interaction_required": "The authorization server needs more input from the user.",
}

_HINTS = {
    # Also sent without a page, for an account that has none of the scopes.
    "access_denied": "If you denied it on the page, sign in again and allow it. If no page asked you, "
    "this account has none of the requested scopes: use another one, or ask the server's operator.",
    "invalid_scope": "Request other scopes with --scope, or ask the server's operator which of them "
    "this client may request.",
    "invalid_target": "The server's operator must register the server's URL at its issuer.",
    "unauthorized_client": "Allow this client the authorization code grant at the issuer.",
    "server_error": "Try again. If it stays, tell the issuer's operator.",
    "temporarily_unavailable": "Try again soon.",
}

# What ``AuthorizationRequest.url`` sends, and what would replace it: a request object (RFC 9101) or another way
# for the answer to come back.
_SENT = frozenset(
    {"response_type", "client_id", "redirect_uri", "state", "code_challenge", "resource", "scope"}
    | {"code_challenge_method", "prompt", "request", "request_uri", "response_mode"}
)


def require_endpoint(url: str) -> str:
    """
    Return ``url`` if its query has no parameter of the authorization request.

    With ``?redirect_uri=…`` in the endpoint, the request would have two values, and the issuer may
    read the first. Such a URL can lead to another issuer than the one that published it.

    Raises:
        SignInFailed: with reason ``colliding-parameters``.

    Spec: RFC 6749 §3.1
    """
    if problem := problem_with_names(urlsplit(url).query, _SENT, "the request"):
        raise SignInFailed(
            "colliding-parameters",
            f"The authorization endpoint {url!r} {problem}.",
            "Nothing was opened. The authorization server's operator must fix its metadata.",
        )
    return url


@dataclass(frozen=True, kw_only=True)
class AuthorizationRequest:
    """
    One authorization request, kept until its response arrives.

    ```python
    def token_request(request: AuthorizationRequest, answer: Mapping[str, str]) -> dict[str, str]:
        return request.form(validate_authorization_response(request, answer))
    ```

    ``state`` and ``verifier`` are two fresh secrets: the state appears in the browser's history and
    the server's log, and the verifier must not. The issuer is recorded before the browser opens, so
    that two concurrent requests cannot be mixed up.

    Spec: RFC 7636 §4.1; RFC 9207 §2.4; MCP 2026-07-28 authorization response validation
    """

    server: ServerMetadata
    client_id: str
    redirect_uri: str
    resource: str
    scopes: frozenset[str]
    prompt: str | None = None
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)

    def url(self) -> str:
        """
        Return the URL to open in the browser.

        Raises:
            SignInFailed: with reason ``colliding-parameters``.

        Spec: RFC 6749 §3.1, §4.1.1; RFC 7636 §4.3; RFC 8707 §2.1
        """
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": METHOD,
            "resource": self.resource,
        }
        if self.scopes:
            query["scope"] = build_scope(self.scopes)
        if self.prompt is not None:
            query["prompt"] = self.prompt
        endpoint = require_endpoint(self.server.authorization_endpoint)
        separator = "&" if "?" in endpoint else "?"
        return endpoint + separator + urlencode(query)

    def form(self, code: str) -> dict[str, str]:
        """
        Return the token request that exchanges ``code``.

        Spec: RFC 6749 §4.1.3; RFC 7636 §4.5; RFC 8707 §2.2
        """
        return {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            "resource": self.resource,
        }

    def matches_state(self, state: str) -> bool:
        """Return whether a response with ``state`` belongs to this request."""
        return hmac.compare_digest(self.state.encode(), state.encode("utf-8", "surrogatepass"))


def validate_authorization_response(
    attempt: AuthorizationRequest, answer: Mapping[str, str]
) -> str:
    """
    Return the code in an authorization response.

    Checks state and issuer first: a wrong server must not be able to show an error to the user.

    Raises:
        SignInFailed: with reason ``state-mismatch``, ``issuer-mismatch``, ``issuer-missing``, one
            of OAuth's error codes, or ``no-code``.

    Spec: RFC 6749 §4.1.2; RFC 9207 §2.4; MCP 2026-07-28 authorization response validation
    """
    for check in CHECKS:
        check(attempt, answer)
    return answer["code"]


def _state(attempt: AuthorizationRequest, answer: Mapping[str, str]) -> None:
    if not attempt.matches_state(answer.get("state", "")):
        raise SignInFailed(
            "state-mismatch",
            "The authorization response has a wrong state.",
            "Start again. If it happens twice, somebody may be sending you links.",
        )


def _issuer(attempt: AuthorizationRequest, answer: Mapping[str, str]) -> None:
    iss = answer.get("iss")
    if iss is None:
        if attempt.server.authorization_response_iss_parameter_supported:
            raise SignInFailed(
                "issuer-missing",
                "The authorization response has no iss, which the authorization server announces.",
                "Start again. If it happens twice, somebody may be imitating the server.",
            )
        return
    # Compared byte for byte, also if not announced: another slash or case is another issuer.
    if iss != attempt.server.issuer:
        raise SignInFailed(
            "issuer-mismatch",
            f"The authorization response is not from {attempt.server.issuer}.",
            "The code was not used. Start again. If it happens twice, do not trust this server.",
        )


def _error(_: AuthorizationRequest, answer: Mapping[str, str]) -> None:
    error = answer.get("error")
    if error is None:
        return
    if error not in _KNOWN_ERRORS:
        raise SignInFailed(
            "authorization-error",
            "The authorization server returned an error.",
            "Start again. If it stays, the log of the authorization server says why.",
        )
    raise SignInFailed(error.replace("_", "-"), _KNOWN_ERRORS[error], _HINTS.get(error, ""))


def _code(_: AuthorizationRequest, answer: Mapping[str, str]) -> None:
    if not answer.get("code"):
        raise SignInFailed(
            "no-code",
            "The authorization response has no code.",
            "Start again. If it stays, the authorization server's operator must fix it.",
        )


# The order matters: state and issuer come first, or an attacker's error or code would be used.
CHECKS = (_state, _issuer, _error, _code)
