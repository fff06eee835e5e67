"""One attempt to be authorized: what is sent through the browser, and what may come back."""

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

# RFC 6749 §4.1.2.1 and OpenID Connect. Anything else is shown as "another error": the text comes
# through the browser, where whoever can write a link can write it.
_KNOWN_ERRORS = {
    "access_denied": "The request was denied.",
    "invalid_scope": "The authorization server does not know a scope that was asked for.",
    "invalid_target": "The authorization server does not serve this MCP server.",
    "invalid_request": "The authorization server could not read the request.",
    "unauthorized_client": "This client may not ask for authorization there.",
    "unsupported_response_type": "The authorization server does not offer the code flow.",
    "server_error": "The authorization server has a problem of its own.",
    "temporarily_unavailable": "The authorization server is overloaded.",
    "login_required": "Nobody is signed in at the authorization server.",
    "consent_required": "Consent is missing at the authorization server.",
    "interaction_required": "The authorization server wants to ask something first.",
}

# What ``AuthorizationRequest.url`` sends, and what would replace it: a request object (RFC 9101) or another way
# for the answer to come back.
_SENT = frozenset(
    {"response_type", "client_id", "redirect_uri", "state", "code_challenge", "resource", "scope"}
    | {"code_challenge_method", "prompt", "request", "request_uri", "response_mode"}
)


def require_endpoint(url: str) -> str:
    """
    Return ``url`` when it is an authorization endpoint that leaves the request to this client.

    One that holds ``?redirect_uri=…`` already has two values for it, and the issuer may read the
    first. Such an address can lead to another issuer than the one that published it.

    Raises:
        SignInFailed: with reason ``colliding-parameters``.

    Spec: RFC 6749 §3.1
    """
    if problem := problem_with_names(urlsplit(url).query, _SENT, "the request"):
        raise SignInFailed(
            "colliding-parameters",
            f"The authorization endpoint {url!r} {problem}.",
            "Nothing was opened. The authorization server's operator must correct its metadata.",
        )
    return url


@dataclass(frozen=True, kw_only=True)
class AuthorizationRequest:
    """
    One authorization request, remembered until its answer comes.

    State and verifier are two fresh secrets per attempt: a state is in the browser's history and
    in the server's log, and a verifier must be in neither. The issuer is recorded here, before
    anybody leaves for the browser, so that two attempts at once cannot be mixed up.

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
        Return where the browser goes.

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
        Return what exchanges ``code`` for tokens.

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
        """Say whether an answer with this ``state`` belongs to this attempt."""
        return hmac.compare_digest(self.state.encode(), state.encode("utf-8", "surrogatepass"))


def validate_authorization_response(
    attempt: AuthorizationRequest, answer: Mapping[str, str]
) -> str:
    """
    Return the code in an authorization response, or say why there is none.

    Does not look at anything in the answer before its state and its issuer are right: an error
    from the wrong server is the wrong server's way to speak to the user.

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
            "An answer came that does not belong to this sign-in.",
            "Start again; if it happens twice, somebody is sending you links.",
        )


def _issuer(attempt: AuthorizationRequest, answer: Mapping[str, str]) -> None:
    iss = answer.get("iss")
    if iss is None:
        if attempt.server.authorization_response_iss_parameter_supported:
            raise SignInFailed(
                "issuer-missing",
                "The answer does not name its issuer, though the authorization server promises it.",
                "Start again; if it happens twice, somebody may be imitating the server.",
            )
        return
    # Byte for byte, also where nothing was promised: a slash or a capital more is somebody else.
    if iss != attempt.server.issuer:
        raise SignInFailed(
            "issuer-mismatch",
            f"The answer comes from another issuer than {attempt.server.issuer}.",
            "Nothing was sent on. Start again; if it happens twice, do not trust this server.",
        )


def _error(_: AuthorizationRequest, answer: Mapping[str, str]) -> None:
    error = answer.get("error")
    if error is None:
        return
    if error not in _KNOWN_ERRORS:
        raise SignInFailed("authorization-error", "The authorization server answered an error.")
    hint = "Say yes on the page to go on." if error == "access_denied" else ""
    raise SignInFailed(error.replace("_", "-"), _KNOWN_ERRORS[error], hint)


def _code(_: AuthorizationRequest, answer: Mapping[str, str]) -> None:
    if not answer.get("code"):
        raise SignInFailed("no-code", "The authorization server answered without a code.")


# Order is policy. Whose answer it is comes before what it says, or an attacker's error text and an
# attacker's code would both be acted on.
CHECKS = (_state, _issuer, _error, _code)
