"""The token endpoint: a code or a refresh token goes in, tokens come out."""

from collections.abc import Callable, Mapping
from urllib.parse import quote_plus

from doorward.client.authorization import Attempt
from doorward.client.courier import Answer, Courier
from doorward.client.refusals import ProtocolBroken, SignInFailed, Unreachable
from doorward.client.registration import Registration
from doorward.client.tokens import Tokens, read_tokens
from doorward.wire.server_metadata import ServerMetadata

# RFC 6749 §5.2 and RFC 8707 §2: code → what to say. Descriptions are not repeated.
_ERRORS = {
    "invalid_grant": "The code or refresh token is over, used or revoked.",
    "invalid_client": "The authorization server does not know this client any more.",
    "unauthorized_client": "This client may not use this grant.",
    "invalid_scope": "The authorization server does not grant a scope that was asked for.",
    "invalid_target": "The authorization server does not serve this MCP server.",
    "invalid_request": "The authorization server could not read the token request.",
    "unsupported_grant_type": "The authorization server does not offer this grant.",
}


async def exchange_code(
    courier: Courier,
    attempt: Attempt,
    registration: Registration,
    code: str,
    clock: Callable[[], float],
) -> Tokens:
    """
    Return the tokens for ``code``.

    Raises:
        SignInFailed: with OAuth's error code as reason.

    Spec: RFC 6749 §4.1.3; RFC 7636 §4.5; RFC 8707 §2.2
    """
    answer = await _ask(courier, attempt.server, registration, attempt.form(code))
    return read_tokens(
        answer.document(),
        issuer=attempt.server.issuer,
        resource=attempt.resource,
        client_id=registration.client_id,
        requested=attempt.scopes,
        now=clock(),
    )


async def exchange_refresh_token(
    courier: Courier,
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
    answer = await _ask(courier, server, registration, form)
    document = answer.document()
    document.setdefault("refresh_token", old.refresh_token)
    return read_tokens(
        document,
        issuer=server.issuer,
        resource=old.resource,
        client_id=registration.client_id,
        requested=old.scopes,
        now=clock(),
    )


async def revoke_tokens(
    courier: Courier, server: ServerMetadata, registration: Registration, tokens: Tokens
) -> bool:
    """
    Revoke ``tokens`` where they come from; say whether the issuer offers that and agreed.

    Spec: RFC 7009 §2.1
    """
    if server.revocation_endpoint is None or tokens.issuer != server.issuer:
        return False
    # The refresh token takes its access tokens with it; most issuers cannot recall a JWT alone.
    doomed = ("refresh_token", tokens.refresh_token) if tokens.refresh_token else None
    hint, token = doomed or ("access_token", tokens.access_token)
    form = {"token": token, "token_type_hint": hint}
    full, basic = _authenticated(registration, form)
    answer = await courier.post_form(server.revocation_endpoint, "revocation endpoint", full, basic)
    return answer.status == 200


async def _ask(
    courier: Courier,
    server: ServerMetadata,
    registration: Registration,
    form: Mapping[str, str],
) -> Answer:
    # The last gate before a secret leaves: it goes to the issuer that gave it, or nowhere.
    if registration.issuer != server.issuer:
        raise SignInFailed("wrong-issuer", "These credentials belong to another issuer.")
    full, basic = _authenticated(registration, form)
    answer = await courier.post_form(server.token_endpoint, "token endpoint", full, basic)
    if answer.status == 200:
        return answer
    if answer.status >= 500:
        raise Unreachable(
            "server-error", f"The token endpoint answered {answer.status}.", "Try again soon."
        )
    raise SignInFailed(*_reason(answer))


def _authenticated(
    registration: Registration, form: Mapping[str, str]
) -> tuple[dict[str, str], tuple[str, str] | None]:
    secret = registration.client_secret
    if secret is not None and registration.auth_method == "client_secret_basic":
        # RFC 6749 §2.3.1: both halves are form-encoded before they are joined.
        return dict(form), (quote_plus(registration.client_id), quote_plus(secret))
    full = {**form, "client_id": registration.client_id}
    if secret is not None:
        full["client_secret"] = secret
    return full, None


def _reason(answer: Answer) -> tuple[str, str]:
    try:
        error = answer.document().get("error")
    except ProtocolBroken:
        error = None
    if isinstance(error, str) and error in _ERRORS:
        return error.replace("_", "-"), _ERRORS[error]
    return "token-request-refused", f"The token endpoint answered {answer.status}."
