"""What can go wrong at an identity provider. No text of the provider is in any of them.

├── ProviderUnavailable       503, it does not answer, or not as OAuth says
├── ProviderRefused           it refused this user or this grant          access_denied
│   └── ProviderGrantEnded    its refresh token or code is not valid      invalid_grant
├── ProviderMisconfigured     it refused this server                      server_error
├── ProviderAnswerRefused     its answer failed a check                   server_error
│   └── ProviderTokenRefused  it refused its own access token             server_error
├── AccountNotAllowed         the account is genuine and may not enter    access_denied
├── AuthenticationNotMet      its sign-in lacks a required second factor  access_denied
└── AuthenticationTooOld      its sign-in is older than the client allows access_denied
"""

from doorward.authserver.refusals import AccessDenied, InvalidGrant, OAuthRefused
from doorward.errors import Unavailable


class ProviderUnavailable(Unavailable):
    """The identity provider cannot be reached, or does not answer as OAuth says."""

    code = "provider-unavailable"
    wire_error = "temporarily_unavailable"
    public = "The identity provider does not answer. Try again soon."
    hint = (
        "Check the provider's status, and that this server reaches it: `doorward idp probe ISSUER`."
    )


class ProviderRefused(AccessDenied):
    """The provider refused the sign-in, usually because the user cancelled it there."""

    code = "provider-refused"
    public = "The identity provider did not sign you in."
    hint = "Sign in again. If the provider refuses again, its administrator must allow this application."


class ProviderGrantEnded(InvalidGrant):
    """The provider does not accept its code or refresh token any more."""

    code = "provider-grant-ended"
    public = "Your session at the identity provider has ended."
    hint = "Sign in again."


class ProviderMisconfigured(OAuthRefused):
    """The provider refused this server's own registration there: client, secret or callback URL."""

    code = "provider-misconfigured"
    status = 502
    wire_error = "server_error"
    public = "The identity provider refused this server."
    hint = "Compare client_id, client_secret and the callback URL with the application at the provider."


class ProviderAnswerRefused(OAuthRefused):
    """The provider's answer failed a check, such as the nonce or the signature of the ID token."""

    code = "provider-answer-refused"
    status = 502
    wire_error = "server_error"
    public = "The identity provider's answer could not be verified."
    hint = "The log names the check. Check issuer, client_id and the clock of this machine."


class ProviderTokenRefused(ProviderAnswerRefused):
    """
    The provider refused its own access token: it has expired, or was revoked.

    If nothing could refresh the token, the session at the provider has ended.
    """

    code = "provider-token-refused"
    public = "The identity provider does not accept its own access token."
    hint = (
        "Sign in again. If that fails too, compare the scopes of the application at the provider."
    )


class AccountNotAllowed(AccessDenied):
    """The account is genuine, but no allow rule admits it."""

    code = "account-not-allowed"
    public = "This account may not sign in here."
    hint = "Sign in with another account, or add this one to the provider's allow rule."


class AuthenticationNotMet(AccessDenied):
    """
    The provider did not say that the user was authenticated as ``acr_values`` or ``required_amr`` ask.

    Spec: OpenID Connect Core Unmet Authentication Requirements 1.0 §2
    """

    code = "authentication-not-met"
    public = "The identity provider did not confirm the required second factor."
    hint = (
        "Sign in with a second factor. The settings are acr_values and required_amr; the log says what"
        " came."
    )


class AuthenticationTooOld(AccessDenied):
    """
    The provider did not say that it authenticated the user as recently as the client asks.

    Spec: OpenID Connect Core 1.0 §3.1.2.1 (``prompt``, ``max_age``)
    """

    code = "authentication-too-old"
    public = "The identity provider did not confirm that you have just signed in."
    hint = "Sign in again. Some providers cannot be asked to: the application must then leave out max_age."
