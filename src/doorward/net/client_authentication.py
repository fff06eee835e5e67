"""
The client authentication methods at an issuer's endpoints: one entry each.

The client, the token lookup and the downstream grants all read this table.
"""

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol
from urllib.parse import quote_plus

AuthMethodName = Literal["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_LIFETIME = 60


class Signer(Protocol):
    """A private key, such as ``doorward.client.PrivateKey``."""

    @property
    def thumbprint(self) -> str:
        """The key's id."""

    def sign(self, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
        """Return a compact JWS of ``claims``."""


@dataclass(frozen=True, kw_only=True)
class ClientCredential:
    """
    A client id, and the secret or the key that proves it; a public client has neither.

    ```python
    registered = ClientCredential(client_id="my-client", client_secret="a secret of the tests")
    provider = LocalProvider(guard, registration="closed", documents=False)
    ```
    """

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    private_key: Signer | None = field(default=None, repr=False)


class AuthenticatedForm(NamedTuple):
    """The form to send, and the headers that go with it."""

    form: dict[str, str]
    headers: dict[str, str]


class ClientAuthMethod(NamedTuple):
    """
    One method: the credential that it needs, and how a request shows it.

    ``apply`` gets the credential, the form, the issuer and the time in seconds since 1970.
    """

    needs: Literal["client_secret", "private_key"] | None
    apply: Callable[[ClientCredential, Mapping[str, str], str, float], AuthenticatedForm]

    def has_what_it_needs(self, credential: ClientCredential) -> bool:
        """Return whether ``credential`` has the secret or the key for this method."""
        return self.needs is None or bool(getattr(credential, self.needs))


def basic_authorization(client_id: str, client_secret: str) -> str:
    """
    Return the ``Authorization`` header for HTTP Basic.

    Spec: RFC 6749 §2.3.1: both halves are form-encoded before they are joined
    """
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")


def _none(
    credential: ClientCredential, form: Mapping[str, str], _issuer: str, _now: float
) -> AuthenticatedForm:
    return AuthenticatedForm({**form, "client_id": credential.client_id}, {})


def _basic(
    credential: ClientCredential, form: Mapping[str, str], _issuer: str, _now: float
) -> AuthenticatedForm:
    value = basic_authorization(credential.client_id, credential.client_secret or "")
    return AuthenticatedForm(dict(form), {"Authorization": value})


def _post(
    credential: ClientCredential, form: Mapping[str, str], _issuer: str, _now: float
) -> AuthenticatedForm:
    secret = credential.client_secret or ""
    return AuthenticatedForm(
        {**form, "client_id": credential.client_id, "client_secret": secret}, {}
    )


def _jwt(
    credential: ClientCredential, form: Mapping[str, str], issuer: str, now: float
) -> AuthenticatedForm:
    key = credential.private_key
    assert key is not None
    claims = {
        "iss": credential.client_id,
        "sub": credential.client_id,
        # The issuer, not the endpoint: metadata of another server could name that endpoint.
        "aud": issuer,
        "jti": secrets.token_urlsafe(16),
        "iat": int(now),
        "exp": int(now) + _ASSERTION_LIFETIME,
    }
    assertion = key.sign({"typ": "JWT", "kid": key.thumbprint}, claims)
    proof = {"client_assertion_type": _ASSERTION_TYPE, "client_assertion": assertion}
    return AuthenticatedForm({**form, "client_id": credential.client_id, **proof}, {})


CLIENT_AUTH_METHODS: dict[str, ClientAuthMethod] = {
    "none": ClientAuthMethod(None, _none),
    "client_secret_basic": ClientAuthMethod("client_secret", _basic),
    "client_secret_post": ClientAuthMethod("client_secret", _post),
    "private_key_jwt": ClientAuthMethod("private_key", _jwt),
}
"""By the name in metadata and registration. Spec: RFC 6749 §2.3.1; RFC 7523 §2.2; RFC 7591 §2"""
