"""
The client authentication methods of this server: one entry each.

Metadata, registration, configured clients and the endpoints all read this table.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import unquote_to_bytes

from doorward.authserver.refusals import InvalidClient, InvalidRequest
from doorward.jose.compact import MalformedJws, unverified_claims
from doorward.wire.oauth.parameters import Parameters

AuthMethodName = Literal["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION = ("client_assertion", "client_assertion_type")


@dataclass(frozen=True)
class Credentials:
    """What a client sent to authenticate: a secret, an assertion, or neither."""

    client_id: str
    secret: str | None = None
    assertion: str | None = None

    def __repr__(self) -> str:
        return f"Credentials({self.client_id!r})"


class ClientProof(Protocol):
    """The checks of what one client sent; ``token.client_authentication`` makes it."""

    async def has_secret(self, secret: str) -> bool:
        """Say whether ``secret`` is the client's."""
        ...

    async def has_signed(self, assertion: str) -> bool:
        """Say whether the client signed ``assertion`` for this server, and spend it."""
        ...


@dataclass(frozen=True, kw_only=True)
class ClientAuthMethod:
    """
    One method of client authentication.

    ``needs`` says what the client must be registered with. ``is_used`` says whether a request uses
    the method, by its ``Authorization`` headers and its body; ``read`` returns the credentials;
    ``verify`` says whether they are the client's.

    Spec: RFC 6749 §2.1, §2.3; RFC 7523 §2.2; RFC 7591 §2
    """

    name: AuthMethodName
    needs: Literal["secret", "keys"] | None
    is_used: Callable[[Sequence[str], Parameters], bool]
    read: Callable[[Sequence[str], Parameters], Credentials]
    verify: Callable[[Credentials, ClientProof], Awaitable[bool]]

    @property
    def confidential(self) -> bool:
        """Whether the client proves who it is."""
        return self.needs is not None


def _read_body(_authorization: Sequence[str], form: Parameters) -> Credentials:
    client_id = form.one("client_id")
    if client_id is None:
        raise InvalidRequest("no client_id", description="client_id is missing.")
    return Credentials(client_id, form.one("client_secret"))


def _read_basic(authorization: Sequence[str], _form: Parameters) -> Credentials:
    scheme, _, encoded = authorization[0].partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient("a scheme other than Basic")
    try:
        # Strict: a decoder that skips what it does not know gives one secret many spellings.
        decoded = b64decode(encoded.encode("ascii"), validate=True)
        plain = decoded.decode("utf-8")
    except (binascii.Error, ValueError):
        raise InvalidClient("Basic credentials that are not base64") from None
    # Even then it accepts one "=" too many, and ignores bits of the last character.
    if b64encode(decoded).decode("ascii") != encoded:
        raise InvalidClient("Basic credentials in another spelling of base64")
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


def _read_assertion(_authorization: Sequence[str], form: Parameters) -> Credentials:
    assertion = form.one("client_assertion")
    if form.one("client_assertion_type") != JWT_BEARER or assertion is None:
        raise InvalidClient("no assertion of a type that is known here")
    try:
        # Only to find the client whose keys verify it. The signature decides.
        subject = unverified_claims(assertion).get("sub")
    except MalformedJws as error:
        raise InvalidClient(f"the assertion is malformed: {error}") from None
    if not isinstance(subject, str):
        raise InvalidClient("the assertion names no client")
    return Credentials(subject, assertion=assertion)


def _uses_no_credentials(authorization: Sequence[str], form: Parameters) -> bool:
    return not authorization and not any(name in form for name in ("client_secret", *_ASSERTION))


async def _verify_nothing(_credentials: Credentials, _proof: ClientProof) -> bool:
    return True


async def _verify_secret(credentials: Credentials, proof: ClientProof) -> bool:
    return await proof.has_secret(credentials.secret or "")


async def _verify_assertion(credentials: Credentials, proof: ClientProof) -> bool:
    return await proof.has_signed(credentials.assertion or "")


AUTH_METHODS: tuple[ClientAuthMethod, ...] = (
    # A public client proves nothing here; PKCE and the rotation of its refresh tokens do.
    ClientAuthMethod(
        name="none",
        needs=None,
        is_used=_uses_no_credentials,
        read=_read_body,
        verify=_verify_nothing,
    ),
    ClientAuthMethod(
        name="client_secret_basic",
        needs="secret",
        is_used=lambda authorization, _form: bool(authorization),
        read=_read_basic,
        verify=_verify_secret,
    ),
    ClientAuthMethod(
        name="client_secret_post",
        needs="secret",
        is_used=lambda _authorization, form: "client_secret" in form,
        read=_read_body,
        verify=_verify_secret,
    ),
    ClientAuthMethod(
        name="private_key_jwt",
        needs="keys",
        is_used=lambda _authorization, form: any(name in form for name in _ASSERTION),
        read=_read_assertion,
        verify=_verify_assertion,
    ),
)


def find_auth_method(name: str) -> ClientAuthMethod | None:
    """Return the method of that name, or ``None``."""
    return next((method for method in AUTH_METHODS if method.name == name), None)
