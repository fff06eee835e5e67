"""The refusals of the authorization server, with OAuth error code and HTTP status.

RequestRefused
├── OAuthRefused
│   ├── InvalidRequest            400 invalid_request
│   ├── InvalidClient             401 invalid_client
│   │   └── UnknownClient
│   ├── InvalidGrant              400 invalid_grant
│   │   └── GrantReused           a code or refresh token that was already spent
│   ├── SubjectTokenRefused       400 invalid_request         RFC 8693 §2.2.2
│   ├── UnauthorizedClient        400 unauthorized_client
│   ├── UnsupportedGrantType      400 unsupported_grant_type
│   ├── UnsupportedResponseType   400 unsupported_response_type
│   ├── InvalidScope              400 invalid_scope
│   ├── InvalidTarget             400 invalid_target          RFC 8707 §2
│   ├── AccessDenied              403 access_denied
│   ├── LoginRequired             400 login_required          OpenID Connect Core §3.1.2.6
│   ├── ConsentRequired           400 consent_required
│   ├── TooManyRequests           429 temporarily_unavailable
│   ├── TokenMissing              401                         RFC 6750 §3.1
│   ├── InvalidToken              401 invalid_token
│   ├── ScopeNotGranted           403 insufficient_scope
│   ├── FormRefused               403, a form that this browser was not given
│   ├── ConnectLinkRefused        403, a link to connect an account
│   └── AccountNotConnected       400 interaction_required      RFC 6749 §5.2
└── (wire) InvalidClientMetadata, InvalidRedirectUri, MalformedParameters, RepeatedParameter
"""

from collections.abc import Mapping

from doorward.errors import RequestRefused, Unavailable
from doorward.wire.oauth.challenge import build_challenge


class OAuthRefused(RequestRefused):
    """A refusal at an OAuth endpoint."""

    code = "oauth-refused"


class InvalidRequest(OAuthRefused):
    """A parameter is missing or cannot be read."""

    code = "invalid-request"
    wire_error = "invalid_request"
    public = "The request is missing a parameter or is malformed."
    hint = "Correct the parameter that error_description names."


class InvalidClient(OAuthRefused):
    """
    Client authentication failed.

    Unknown client, wrong secret and wrong method answer alike, so that nobody can list clients.
    """

    code = "invalid-client"
    status = 401
    wire_error = "invalid_client"
    public = "Client authentication failed."
    hint = "Check client_id, client secret and token_endpoint_auth_method."

    @property
    def headers(self) -> Mapping[str, str]:
        """``WWW-Authenticate``. Spec: RFC 6749 §5.2."""
        return {"WWW-Authenticate": 'Basic realm="token endpoint", charset="UTF-8"'}


class UnknownClient(InvalidClient):
    """No client has this id, or its registration has expired."""

    code = "unknown-client"
    hint = "Register the client again; registrations that nobody uses are deleted."


class InvalidGrant(OAuthRefused):
    """The code or refresh token is unknown, expired, or does not match the request."""

    code = "invalid-grant"
    wire_error = "invalid_grant"
    public = "The authorization code or refresh token is not valid."
    hint = "Start a new sign-in."


class GrantReused(InvalidGrant):
    """A used code or refresh token was sent again, so it may have been stolen."""

    code = "grant-reused"
    hint = "Start a new sign-in. If the client did not repeat itself, suspect a stolen token."


class SubjectTokenRefused(InvalidRequest):
    """
    The token to be exchanged is not ours, is over or revoked, or is for another server.

    One sentence for every cause: a server that holds somebody else's token learns nothing of it.
    """

    code = "subject-token-refused"
    public = "The subject token cannot be exchanged by this client."
    hint = "Send a current access token of this issuer; the log says what was wrong."


class UnauthorizedClient(OAuthRefused):
    """This client may not use this grant type."""

    code = "unauthorized-client"
    wire_error = "unauthorized_client"
    public = "This client may not use this grant type."
    hint = "Add the grant type to grant_types of the client."


class UnsupportedGrantType(OAuthRefused):
    """This server does not know the grant type."""

    code = "unsupported-grant-type"
    wire_error = "unsupported_grant_type"
    public = "This grant type is not supported."
    hint = "Use one of grant_types_supported in the metadata."


class UnsupportedResponseType(OAuthRefused):
    """The response type is not ``code``."""

    code = "unsupported-response-type"
    wire_error = "unsupported_response_type"
    public = "Only response_type=code is supported."
    hint = "Send response_type=code."


class InvalidScope(OAuthRefused):
    """No requested scope is available, or more is requested than was granted."""

    code = "invalid-scope"
    wire_error = "invalid_scope"
    public = "The requested scope is not available."
    hint = "Request scopes that scopes_supported in the metadata lists."


class InvalidTarget(OAuthRefused):
    """The resource is not one that this server issues tokens for."""

    code = "invalid-target"
    wire_error = "invalid_target"
    public = "The requested resource is not one that this server issues tokens for."
    hint = "Send resource as the protected resource metadata writes it, byte for byte."


class AccessDenied(OAuthRefused):
    """The user or a policy denied the request."""

    code = "access-denied"
    status = 403
    wire_error = "access_denied"
    public = "The request was denied."
    hint = "Sign in again and agree, or ask the operator to allow this account."


class LoginRequired(OAuthRefused):
    """No user is signed in, and the request has ``prompt=none``."""

    code = "login-required"
    wire_error = "login_required"
    public = "The user has to sign in."
    hint = "Send the request again without prompt=none."


class ConsentRequired(OAuthRefused):
    """A code needs a click on the consent page, and the request has ``prompt=none``."""

    code = "consent-required"
    wire_error = "consent_required"
    public = "The user has to confirm on a page."
    hint = "Send the request again without prompt=none."


class TooManyRequests(OAuthRefused):
    """A rate limit was reached; ``retry_after`` is in seconds."""

    code = "too-many-requests"
    status = 429
    wire_error = "temporarily_unavailable"
    public = "Too many requests. Try again later."
    hint = "Wait for the seconds in Retry-After."

    def __init__(
        self, detail: str, *, retry_after: int = 60, description: str | None = None
    ) -> None:
        super().__init__(detail, description=description)
        self.retry_after = retry_after

    @property
    def headers(self) -> Mapping[str, str]:
        """``Retry-After``, in seconds."""
        return {"Retry-After": str(self.retry_after)}


class _BearerRefused(OAuthRefused):
    """The userinfo endpoint does not accept the token."""

    @property
    def headers(self) -> Mapping[str, str]:
        """``WWW-Authenticate``. Spec: RFC 6750 §3."""
        said = [("error", self.wire_error)] if self.wire_error else []
        return {"WWW-Authenticate": build_challenge("Bearer", said)}


class TokenMissing(_BearerRefused):
    """The request to the userinfo endpoint has no access token."""

    code = "userinfo-without-token"
    status = 401
    public = "An access token is required."
    hint = "Send the access token of the sign-in as Authorization: Bearer."


class InvalidToken(_BearerRefused):
    """
    The token is not of a sign-in here, is over or revoked.

    One sentence for every cause: who holds somebody else's token learns nothing of it.
    """

    code = "userinfo-token-refused"
    status = 401
    wire_error = "invalid_token"
    public = "The access token is not valid at the userinfo endpoint."
    hint = "Sign in with the scope openid and without resource; tokens for MCP servers are refused."


class ScopeNotGranted(_BearerRefused):
    """The access token lacks the scope ``openid``."""

    code = "userinfo-scope-missing"
    status = 403
    wire_error = "insufficient_scope"
    public = "The access token lacks the scope openid."
    hint = "Sign in, or refresh the tokens, with the scope openid."


class FormRefused(OAuthRefused):
    """The form belongs to another browser, has expired, or was submitted before."""

    code = "form-refused"
    status = 403
    wire_error = "access_denied"
    public = "This form has expired or belongs to another browser."
    hint = "Start again in the application, with cookies allowed."


class ConnectLinkRefused(OAuthRefused):
    """
    The link has expired, was used, or is for another user.

    One sentence for all: who opens somebody else's link learns nothing about it.
    """

    code = "connect-link-refused"
    status = 403
    wire_error = "access_denied"
    public = "This link has expired, was used before, or is for another account."
    hint = "Run the tool again for a new link, and open it signed in as the same user."


class AccountNotConnected(OAuthRefused):
    """
    The user has no account at the provider that this server may use.

    ``error_uri`` is a link on which the user can connect one.

    Spec: OpenID Connect Core 1.0 §3.1.2.6 (``interaction_required``); RFC 6749 §5.2 (``error_uri``)
    """

    code = "account-not-connected"
    wire_error = "interaction_required"
    public = "The user must connect an account at the identity provider first."
    hint = "Show the user the link in error_uri, then repeat the request."

    def __init__(self, detail: str, error_uri: str) -> None:
        super().__init__(detail)
        self.error_uri = error_uri


class StoreUnavailable(Unavailable):
    """The database cannot be reached, so nothing is granted."""

    code = "store-unavailable"
    wire_error = "temporarily_unavailable"
    public = "The authorization server is unavailable. Try again soon."
    hint = "Check that the database is running and can be written."


class ClientKeysUnavailable(Unavailable):
    """The keys at a client's ``jwks_uri`` could not be fetched, so its assertion is unchecked."""

    code = "client-keys-unavailable"
    wire_error = "temporarily_unavailable"
    public = "The client's keys could not be fetched. Try again soon."
    hint = "Check that this server can reach the client's jwks_uri; it must be a public address."


class ClientDocumentUnavailable(InvalidClient):
    """
    The document behind a client_id URL could not be had or used.

    One sentence for every cause: told apart, they would map the network behind this server.
    """

    code = "client-document-unavailable"
    public = "The client's metadata document could not be used."
    hint = "Check the document with `doorward client-document URL --check`."
