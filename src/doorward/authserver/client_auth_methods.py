"""
The client authentication methods of this server: one entry each.

Metadata, registration, configured clients and the endpoints all read this table.
"""

import binascii
from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import unquote_to_bytes

from doorward.authserver.refusals import InvalidClient, InvalidRequest
from doorward.wire.oauth.parameters import Parameters

AuthMethodName = Literal["none", "client_secret_basic", "client_secret_post"]


@dataclass(frozen=True)
class Credentials:
    """What a client sent to authenticate; ``secret`` is ``None`` for a public client."""

    client_id: str
    secret: str | None

    def __repr__(self) -> str:
        return f"Credentials({self.client_id!r})"


class SecretHolder(Protocol):
    """A client whose secret can be compared."""

    def has_secret(self, secret: str) -> bool:
        """Say whether ``secret`` is this client's."""
        ...


@dataclass(frozen=True, kw_only=True)
class ClientAuthMethod:
    """
    One method of client authentication.

    A ``confidential`` client has a secret. ``is_used`` says whether a request uses the method,
    by its ``Authorization`` headers and its body; ``read`` returns the credentials; ``verify`` says
    whether they are the client's.

    Spec: RFC 6749 §2.1, §2.3; RFC 7591 §2
    """

    name: AuthMethodName
    confidential: bool
    is_used: Callable[[Sequence[str], Parameters], bool]
    read: Callable[[Sequence[str], Parameters], Credentials]
    verify: Callable[[Credentials, SecretHolder], bool]


def _read_body(_authorization: Sequence[str], form: Parameters) -> Credentials:
    client_id = form.one("client_id")
    if client_id is None:
        raise InvalidRequest("no client_id", say="client_id is missing.")
    return Credentials(client_id, form.one("client_secret"))


def _read_basic(authorization: Sequence[str], _form: Parameters) -> Credentials:
    scheme, _, encoded = authorization[0].partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient("a scheme other than Basic")
    try:
        # Strict: a decoder that skips what it does not know gives one secret many spellings.
        plain = b64decode(encoded.encode("ascii"), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise InvalidClient("Basic credentials that are not base64") from None
    client_id, colon, secret = plain.partition(":")
    if not colon or not client_id or not secret:
        raise InvalidClient("Basic credentials without a secret")
    return Credentials(_form_decoded(client_id), _form_decoded(secret))


def _form_decoded(part: str) -> str:
    """
    Undo the form encoding inside Basic credentials.

    Spec: RFC 6749 §2.3.1, appendix B
    """
    try:
        return unquote_to_bytes(part.replace("+", " ")).decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidClient("Basic credentials that are not UTF-8") from None


def _verify_secret(credentials: Credentials, client: SecretHolder) -> bool:
    return client.has_secret(credentials.secret or "")


AUTH_METHODS: tuple[ClientAuthMethod, ...] = (
    # A public client proves nothing here; PKCE and the rotation of its refresh tokens do.
    ClientAuthMethod(
        name="none",
        confidential=False,
        is_used=lambda authorization, form: not authorization and "client_secret" not in form,
        read=_read_body,
        verify=lambda _credentials, _client: True,
    ),
    ClientAuthMethod(
        name="client_secret_basic",
        confidential=True,
        is_used=lambda authorization, _form: bool(authorization),
        read=_read_basic,
        verify=_verify_secret,
    ),
    ClientAuthMethod(
        name="client_secret_post",
        confidential=True,
        is_used=lambda _authorization, form: "client_secret" in form,
        read=_read_body,
        verify=_verify_secret,
    ),
)


def find_auth_method(name: str) -> ClientAuthMethod | None:
    """Return the method of that name, or ``None``."""
    return next((method for method in AUTH_METHODS if method.name == name), None)
