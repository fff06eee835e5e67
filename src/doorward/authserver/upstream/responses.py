"""Parses a token response of a provider into its tokens, or into the refusal."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from doorward.authserver.upstream.refusals import (
    AuthenticationNotMet,
    ProviderAnswerRefused,
    ProviderGrantEnded,
    ProviderMisconfigured,
    ProviderRefused,
    ProviderUnavailable,
)
from doorward.errors import HttpError
from doorward.net import FetchResponse
from doorward.wire.strict_json import NotStrictJson, parse_object

MAX_RESPONSE = 256 * 1024
_SENDABLE = re.compile(r"[\x21-\x7e]{1,65535}")
_ERROR_CODE = re.compile(r"[a-z_]{1,64}")
# Beside the codes of OAuth, those of GitHub and Slack.
_BUSY = frozenset(
    {"temporarily_unavailable", "server_error", "slow_down"}
    | {"ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)
_ENDED = frozenset(
    {"invalid_grant", "bad_verification_code", "bad_refresh_token", "invalid_code"}
    | {"code_already_used", "code_expired", "invalid_refresh_token"}
    | {"token_expired", "token_revoked", "account_inactive", "invalid_auth", "not_authed"}
)
_REFUSED = frozenset(
    {"access_denied", "interaction_required", "login_required", "consent_required"}
    | {"account_selection_required"}
)

# What an operator has to correct, by the provider's code.
_CREDENTIALS = "client_id or the client_secret"
_SETTINGS = {
    "invalid_client": _CREDENTIALS,
    "incorrect_client_credentials": _CREDENTIALS,
    "unauthorized_client": "client_id",
    "redirect_uri_mismatch": "callback URL",
    "invalid_scope": "provider_scopes",
}


@dataclass(frozen=True, kw_only=True)
class ProviderTokens:
    """
    The tokens that a provider issued; ``expires_at`` is in seconds since 1970.

    ``expires_at`` is ``None`` if the provider does not say, and ``refresh_token`` if there is none.
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    scopes: frozenset[str] | None = None


def read_tokens(name: str, response: FetchResponse, *, now: float) -> ProviderTokens:
    """
    Return the tokens in a token response of the provider called ``name``.

    Only a named OAuth error is a refusal. Everything else that is not a token response is an outage:
    a gateway's HTML page must not end anybody's session. The body decides, and not its media type:
    it is read as one JSON object, and as nothing else, whatever the provider calls it.

    Raises:
        ProviderUnavailable: 503.
        ProviderGrantEnded, ProviderRefused, ProviderMisconfigured: the provider said no.
        ProviderAnswerRefused: 502, there is no usable access token.

    Spec: RFC 6749 §5.1, §5.2
    """
    if response.status >= 500 or response.status == 429:
        raise ProviderUnavailable(f"{name}: the token endpoint answered {response.status}")
    try:
        document = parse_object(response.body)
    except NotStrictJson:
        raise ProviderUnavailable(
            f"{name}: the token endpoint answered {response.status} without a JSON object"
        ) from None
    # GitHub and Slack report errors with status 200.
    if response.status != 200 or "error" in document or document.get("ok") is False:
        raise refusal_of(name, document.get("error"), response.status)
    return _tokens(name, document, now)


def refusal_of(name: str, error: object, status: int | None = None) -> HttpError:
    """
    Return the exception for an OAuth error of the provider, at its token or callback leg.

    The provider's description is never read: some providers repeat the request in it.
    """
    code = error if isinstance(error, str) and _ERROR_CODE.fullmatch(error) else "unknown"
    detail = f"{name}: {code}" + (f", status {status}" if status is not None else "")
    if code == "unmet_authentication_requirements":
        return AuthenticationNotMet(detail)
    if code in _BUSY:
        return ProviderUnavailable(detail)
    if code in _ENDED:
        return ProviderGrantEnded(detail)
    # Auth0 answers 401 access_denied to a wrong client secret. With 401, a token endpoint refuses this
    # server (RFC 6749 §5.2), and a secret that an operator has to replace must not end sessions.
    if code in _REFUSED and status != 401:
        return ProviderRefused(detail)
    if code == "unknown" and status is not None:
        return ProviderUnavailable(detail)
    setting = _SETTINGS.get(code)
    said = f"The identity provider does not accept the {setting} of this server."
    return ProviderMisconfigured(detail, description=said if setting else None)


def _tokens(name: str, document: Mapping[str, Any], now: float) -> ProviderTokens:
    access_token, kind = document.get("access_token"), document.get("token_type", "bearer")
    if not isinstance(access_token, str) or not _SENDABLE.fullmatch(access_token):
        raise ProviderAnswerRefused(f"{name}: no access_token that a header can carry")
    if not isinstance(kind, str) or kind.lower() not in ("bearer", "user"):
        raise ProviderAnswerRefused(f"{name}: token_type={str(kind)[:40]!r}, want Bearer")
    life: Any = document.get("expires_in")
    scope = document.get("scope")
    # Some providers write the number as a text.
    if isinstance(life, str) and life.isascii() and life.isdigit():
        life = int(life)
    expires_at = now + life if type(life) in (int, float) and 0 < life < 1e9 else None
    return ProviderTokens(
        access_token=access_token,
        refresh_token=_text(document, "refresh_token"),
        id_token=_text(document, "id_token"),
        expires_at=expires_at,
        # GitHub and Slack separate scopes by commas.
        scopes=frozenset(re.split(r"[ ,]+", scope)) - {""} if isinstance(scope, str) else None,
    )


def _text(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    return value if isinstance(value, str) and _SENDABLE.fullmatch(value) else None
