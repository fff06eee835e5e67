"""Token requests: exchanges a code, a refresh token or an assertion for tokens."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from doorward.client.http.http_client import HttpClient, HttpResponse
from doorward.client.oauth.authorization import AuthorizationRequest
from doorward.client.oauth.dpop import DpopProver
from doorward.client.oauth.registration import Registration
from doorward.client.oauth.tokens import Tokens, read_tokens
from doorward.client.refusals import ProtocolBroken, SignInFailed, Unreachable
from doorward.jose.private_key import PrivateKey
from doorward.net.client_authentication import (
    CLIENT_AUTH_METHODS,
    AuthenticatedForm,
    ClientCredential,
)
from doorward.wire.oauth.server_metadata import ServerMetadata

# RFC 6749 §5.2 and RFC 8707 §2. The server's error_description is untrusted, and not shown.
_ERRORS = {
    "invalid_grant": "The code or refresh token is expired, used or revoked.",
    "invalid_client": "The authorization server no longer accepts this client.",
    "unauthorized_client": "This client may not use this grant.",
    "invalid_scope": "The authorization server refused a requested scope.",
    "invalid_target": "The authorization server issues no tokens for this MCP server.",
    "invalid_request": "The authorization server refused the token request as invalid.",
    "unsupported_grant_type": "The authorization server does not support this grant.",
    "authorization_pending": "The sign-in on the other device is not finished.",
    "slow_down": "The authorization server asked for longer polling intervals.",
    "access_denied": "The request was denied.",
    # Keycloak's own, for an account without offline_access.
    "not_allowed": "The authorization server does not allow offline access for this account.",
    "expired_token": "The code was not entered in time.",
    "invalid_dpop_proof": "The authorization server refused the DPoP proof.",
}


_HINTS = {
    "invalid_client": "Check the client id. If the client has a secret, add --client-secret-file and "
    "--issuer; if it has none, register it as a public client, with the method none.",
    "unauthorized_client": "Allow this client the grant at the issuer.",
    "invalid_scope": "Request other scopes with --scope, or allow the client these scopes at the issuer.",
    "invalid_target": "The server's operator must register the server's URL at its issuer.",
    "access_denied": "To continue, allow the request on the page.",
    "expired_token": "Start again.",
}


async def exchange_code(
    http_client: HttpClient,
    attempt: AuthorizationRequest,
    registration: Registration,
    code: str,
    clock: Callable[[], float],
    prover: DpopProver | None = None,
) -> Tokens:
    """
    Return the tokens for ``code``, bound to the key of ``prover`` if the server supports it.

    Raises:
        SignInFailed: with OAuth's error code as reason.

    Spec: RFC 6749 §4.1.3; RFC 7636 §4.5; RFC 8707 §2.2
    """
    return await exchange_grant(
        http_client,
        attempt.server,
        registration,
        attempt.form(code),
        clock,
        resource=attempt.resource,
        requested=attempt.scopes,
        prover=prover,
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
    Return the tokens for the grant in ``form``; without ``scope`` in the response, for ``requested``.

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
    Return new tokens for the refresh token in ``old``, which stays if it is not rotated.

    Raises:
        SignInFailed: with OAuth's error code as reason; ``invalid-grant`` means sign in again.

    Spec: RFC 6749 §6; RFC 8707 §2.2
    """
    if old.refresh_token is None or old.issuer != server.issuer:
        raise SignInFailed("no-refresh-token", "There is no refresh token from this issuer.")
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
    fresh = read_tokens(
        document,
        issuer=server.issuer,
        resource=old.resource,
        client_id=registration.client_id,
        requested=old.scopes,
        now=clock(),
        proof_key=old.proof_key,
    )
    # A refresh requests nothing new, so what the sign-in was refused stays refused.
    return replace(fresh, refused_scopes=fresh.refused_scopes | old.refused_scopes)


async def revoke_tokens(
    http_client: HttpClient,
    server: ServerMetadata,
    registration: Registration,
    tokens: Tokens,
    clock: Callable[[], float],
) -> bool:
    """
    Revoke ``tokens`` at their issuer; return whether it confirmed.

    Spec: RFC 7009 §2.1
    """
    if server.revocation_endpoint is None or tokens.issuer != server.issuer:
        return False
    # Revoking a refresh token revokes its access tokens; most issuers cannot revoke a JWT alone.
    refresh = ("refresh_token", tokens.refresh_token) if tokens.refresh_token else None
    hint, token = refresh or ("access_token", tokens.access_token)
    form = {"token": token, "token_type_hint": hint}
    full, headers = authenticated(registration, form, clock)
    answer = await http_client.post_form(
        server.revocation_endpoint, "revocation endpoint", full, headers
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
    # The last check before a secret is sent: only its own issuer gets it.
    if registration.issuer != server.issuer:
        raise SignInFailed("wrong-issuer", "These credentials belong to another issuer.")
    answer = await _post(http_client, server, registration, form, clock, prover)
    # Once: a server could send a new nonce with every refusal, for ever.
    if _wants_nonce(answer, prover, server.token_endpoint):
        answer = await _post(http_client, server, registration, form, clock, prover)
    if answer.status == 200:
        return answer
    error = error_of(answer, "token endpoint")
    if error.reason == "invalid-client" and registration.client_secret is not None:
        raise SignInFailed(
            "invalid-client",
            error.problem,
            f"Check the client id and the secret. It was sent by {registration.auth_method}, which the "
            "issuer advertises: the client must be registered for that method.",
        )
    raise error


def error_of(answer: HttpResponse, what: str) -> SignInFailed | Unreachable:
    """Return the error for a response other than 200; ``what`` names the endpoint."""
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
    full, headers = authenticated(registration, form, clock)
    if prover is not None:
        headers["DPoP"] = prover.proof("POST", server.token_endpoint)
    return await http_client.post_form(server.token_endpoint, "token endpoint", full, headers)


def _wants_nonce(answer: HttpResponse, prover: DpopProver | None, url: str) -> bool:
    if prover is None or not prover.learn(url, answer.headers) or answer.status not in (400, 401):
        return False
    return b"use_dpop_nonce" in answer.body


def authenticated(
    registration: Registration, form: Mapping[str, str], clock: Callable[[], float]
) -> AuthenticatedForm:
    """
    Return ``form`` with this client's credential, and the headers that go with it.

    Spec: RFC 6749 §2.3.1; RFC 7523 §2.2
    """
    credential = ClientCredential(
        client_id=registration.client_id,
        client_secret=registration.client_secret,
        private_key=registration.private_key,
    )
    name = "private_key_jwt" if registration.private_key else registration.auth_method
    method = CLIENT_AUTH_METHODS[name]
    # A stored registration has no private key: without it, the client can only be a public one.
    if not method.has_what_it_needs(credential):
        method = CLIENT_AUTH_METHODS["none"]
    return method.apply(credential, form, registration.issuer, clock())


def _error_reason(answer: HttpResponse, what: str) -> tuple[str, str, str]:
    try:
        error = answer.document().get("error")
    except ProtocolBroken:
        error = None
    if isinstance(error, str) and error in _ERRORS:
        return error.replace("_", "-"), _ERRORS[error], _HINTS.get(error, "")
    return (
        "token-request-refused",
        f"The {what} answered {answer.status}.",
        "The log of the issuer says why.",
    )
