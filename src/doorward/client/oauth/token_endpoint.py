"""The token endpoint: a code, a refresh token or an assertion goes in, tokens come out."""

import secrets
from collections.abc import Callable, Mapping
from urllib.parse import quote_plus

from doorward.client.http.http_client import HttpClient, HttpResponse
from doorward.client.oauth.authorization import AuthorizationRequest
from doorward.client.oauth.dpop import DpopProver
from doorward.client.oauth.registration import Registration
from doorward.client.oauth.tokens import Tokens, read_tokens
from doorward.client.refusals import ProtocolBroken, SignInFailed, Unreachable
from doorward.jose.private_key import PrivateKey
from doorward.wire.oauth.server_metadata import ServerMetadata

# RFC 6749 §5.2 and RFC 8707 §2: code → what to say. Descriptions are not repeated.
_ERRORS = {
    "invalid_grant": "The code or refresh token is over, used or revoked.",
    "invalid_client": "The authorization server does not know this client any more.",
    "unauthorized_client": "This client may not use this grant.",
    "invalid_scope": "The authorization server does not grant a scope that was asked for.",
    "invalid_target": "The authorization server does not serve this MCP server.",
    "invalid_request": "The authorization server could not read the token request.",
    "unsupported_grant_type": "The authorization server does not offer this grant.",
    "authorization_pending": "The sign-in on the other device is not finished.",
    "slow_down": "The authorization server wants to be asked less often.",
    "access_denied": "The request was denied.",
    # Keycloak's own, for an account that may not have offline_access.
    "not_allowed": "The authorization server does not let this account stay signed in.",
    "expired_token": "The code was not entered in time.",
    "invalid_dpop_proof": "The authorization server did not accept the proof of this client's key.",
}
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_LIVES = 60


async def exchange_code(
    http_client: HttpClient,
    attempt: AuthorizationRequest,
    registration: Registration,
    code: str,
    clock: Callable[[], float],
    prover: DpopProver | None = None,
) -> Tokens:
    """
    Return the tokens for ``code``; with ``prover`` they are bound to its key, if the server can.

    Raises:
        SignInFailed: with OAuth's error code as reason.

    Spec: RFC 6749 §4.1.3; RFC 7636 §4.5; RFC 8707 §2.2
    """
    form = attempt.form(code)
    answer = await _post_with_nonce(http_client, attempt.server, registration, form, clock, prover)
    return read_tokens(
        answer.document(),
        issuer=attempt.server.issuer,
        resource=attempt.resource,
        client_id=registration.client_id,
        requested=attempt.scopes,
        now=clock(),
        proof_key=prover.key.to_pem().decode() if prover else None,
    )


async def exchange_grant(
    http_client: HttpClient,
    server: ServerMetadata,
    registration: Registration,
    form: Mapping[str, str],
    clock: Callable[[], float],
    *,
    resource: str,
    requested: frozenset[str],
    prover: DpopProver | None = None,
) -> Tokens:
    """
    Return the tokens for the grant in ``form``; ``requested`` is what they reach if nothing is said.

    Raises:
        SignInFailed: with OAuth's error code as reason.

    Spec: RFC 6749 §4.4, §4.5; RFC 8707 §2.2
    """
    answer = await _post_with_nonce(http_client, server, registration, form, clock, prover)
    return read_tokens(
        answer.document(),
        issuer=server.issuer,
        resource=resource,
        client_id=registration.client_id,
        requested=requested,
        now=clock(),
        proof_key=prover.key.to_pem().decode() if prover else None,
    )


async def exchange_refresh_token(
    http_client: HttpClient,
    server: ServerMetadata,
    registration: Registration,
    old: Tokens,
    clock: Callable[[], float],
) -> Tokens:
    """
    Return new tokens for the refresh token in ``old``, which is kept if no new one comes.

    Raises:
        SignInFailed: with OAuth's error code as reason; ``invalid-grant`` means sign in again.

    Spec: RFC 6749 §6; RFC 8707 §2.2
    """
    if old.refresh_token is None or old.issuer != server.issuer:
        raise SignInFailed("no-refresh-token", "There is no refresh token of this issuer.")
    form = {
        "grant_type": "refresh_token",
        "refresh_token": old.refresh_token,
        "resource": old.resource,
    }
    # The refresh token of a public client is bound to the key as its access token is.
    prover = DpopProver(PrivateKey.from_pem(old.proof_key), clock) if old.proof_key else None
    answer = await _post_with_nonce(http_client, server, registration, form, clock, prover)
    document = answer.document()
    if document.get("refresh_token") is None:
        document["refresh_token"] = old.refresh_token
    return read_tokens(
        document,
        issuer=server.issuer,
        resource=old.resource,
        client_id=registration.client_id,
        requested=old.scopes,
        now=clock(),
        proof_key=old.proof_key,
    )


async def revoke_tokens(
    http_client: HttpClient,
    server: ServerMetadata,
    registration: Registration,
    tokens: Tokens,
    clock: Callable[[], float],
) -> bool:
    """
    Revoke ``tokens`` where they come from; say whether the issuer offers that and agreed.

    Spec: RFC 7009 §2.1
    """
    if server.revocation_endpoint is None or tokens.issuer != server.issuer:
        return False
    # The refresh token takes its access tokens with it; most issuers cannot recall a JWT alone.
    refresh = ("refresh_token", tokens.refresh_token) if tokens.refresh_token else None
    hint, token = refresh or ("access_token", tokens.access_token)
    form = {"token": token, "token_type_hint": hint}
    full, basic = authenticated(registration, form, clock)
    answer = await http_client.post_form(
        server.revocation_endpoint, "revocation endpoint", full, basic
    )
    return answer.status == 200


async def _post_with_nonce(
    http_client: HttpClient,
    server: ServerMetadata,
    registration: Registration,
    form: Mapping[str, str],
    clock: Callable[[], float],
    prover: DpopProver | None,
) -> HttpResponse:
    # The last gate before a secret leaves: it goes to the issuer that gave it, or nowhere.
    if registration.issuer != server.issuer:
        raise SignInFailed("wrong-issuer", "These credentials belong to another issuer.")
    answer = await _post(http_client, server, registration, form, clock, prover)
    # Once: a server that gives a new nonce with every refusal would be asked for ever.
    if _wants_nonce(answer, prover, server.token_endpoint):
        answer = await _post(http_client, server, registration, form, clock, prover)
    if answer.status == 200:
        return answer
    raise error_of(answer, "token endpoint")


def error_of(answer: HttpResponse, what: str) -> SignInFailed | Unreachable:
    """Return what to tell the user of an answer that is no 200; ``what`` names who gave it."""
    if answer.status >= 500:
        return Unreachable(
            "server-error", f"The {what} answered {answer.status}.", "Try again soon."
        )
    return SignInFailed(*_error_reason(answer, what))


async def _post(
    http_client: HttpClient,
    server: ServerMetadata,
    registration: Registration,
    form: Mapping[str, str],
    clock: Callable[[], float],
    prover: DpopProver | None,
) -> HttpResponse:
    full, basic = authenticated(registration, form, clock)
    proof = {"DPoP": prover.proof("POST", server.token_endpoint)} if prover else {}
    return await http_client.post_form(server.token_endpoint, "token endpoint", full, basic, proof)


def _wants_nonce(answer: HttpResponse, prover: DpopProver | None, url: str) -> bool:
    if prover is None or not prover.learn(url, answer.headers) or answer.status not in (400, 401):
        return False
    return b"use_dpop_nonce" in answer.body


def authenticated(
    registration: Registration, form: Mapping[str, str], clock: Callable[[], float]
) -> tuple[dict[str, str], tuple[str, str] | None]:
    """
    Return ``form`` with this client's credentials in it, and those for HTTP Basic if they go there.

    Spec: RFC 6749 §2.3.1; RFC 7523 §2.2
    """
    secret = registration.client_secret
    if registration.private_key is not None:
        assertion = _client_assertion(registration, registration.private_key, clock())
        return {**form, "client_assertion_type": _ASSERTION, "client_assertion": assertion}, None
    if secret is not None and registration.auth_method == "client_secret_basic":
        # RFC 6749 §2.3.1: both halves are form-encoded before they are joined.
        return dict(form), (quote_plus(registration.client_id), quote_plus(secret))
    full = {**form, "client_id": registration.client_id}
    if secret is not None:
        full["client_secret"] = secret
    return full, None


def _client_assertion(registration: Registration, key: PrivateKey, now: float) -> str:
    claims = {
        "iss": registration.client_id,
        "sub": registration.client_id,
        # The issuer and not the endpoint: an endpoint's name can be another server's choice.
        "aud": registration.issuer,
        "jti": secrets.token_urlsafe(16),
        "iat": int(now),
        "exp": int(now) + _ASSERTION_LIVES,
    }
    return key.sign({"typ": "JWT", "kid": key.thumbprint}, claims)


def _error_reason(answer: HttpResponse, what: str) -> tuple[str, str]:
    try:
        error = answer.document().get("error")
    except ProtocolBroken:
        error = None
    if isinstance(error, str) and error in _ERRORS:
        return error.replace("_", "-"), _ERRORS[error]
    return "token-request-refused", f"The {what} answered {answer.status}."
