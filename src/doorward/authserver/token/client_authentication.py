"""Which client speaks: one method, the one it registered, and one answer for every failure."""

import binascii
from base64 import b64decode
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from starlette.requests import Request

from doorward.authserver.clients.registry import Client, Clients
from doorward.authserver.refusals import InvalidClient, InvalidRequest
from doorward.wire.oauth.parameters import Parameters

METHODS = ("none", "client_secret_basic", "client_secret_post")


@dataclass(frozen=True)
class Credentials:
    """What a client shows of itself; ``secret`` is ``None`` for a public client."""

    method: str
    client_id: str
    secret: str | None

    def __repr__(self) -> str:
        return f"Credentials({self.method!r}, {self.client_id!r})"


async def authenticate_client(request: Request, form: Parameters, clients: Clients) -> Client:
    """
    Return the client that proved to be the one it says.

    A public client proves nothing here; PKCE and the rotation of its refresh tokens do.

    Raises:
        InvalidRequest: two methods at once, or no client named at all.
        InvalidClient: 401; unknown client, wrong secret and wrong method look alike.

    Spec: RFC 6749 §2.3, §3.2.1, §5.2; OAuth 2.1 §2.4
    """
    credentials = read_credentials(request.headers.getlist("authorization"), form)
    client = await clients.find(credentials.client_id)
    registered = client.metadata.token_endpoint_auth_method
    if credentials.method != registered:
        raise InvalidClient(f"{credentials.method} used, {registered} is registered")
    if credentials.method != "none" and not client.has_secret(credentials.secret or ""):
        raise InvalidClient("wrong secret")
    return client


def read_credentials(authorization: list[str], form: Parameters) -> Credentials:
    """
    Return what the header or the body says of the client.

    Raises:
        InvalidRequest, InvalidClient: as in ``authenticate_client``.
    """
    in_body, secret = form.one("client_id"), form.one("client_secret")
    if "client_assertion" in form or "client_assertion_type" in form:
        raise InvalidClient("a client assertion was sent")
    if not authorization:
        if in_body is None:
            raise InvalidRequest("no client_id", say="client_id is missing.")
        method = "none" if secret is None else "client_secret_post"
        return Credentials(method, in_body, secret)
    if len(authorization) > 1 or secret is not None:
        raise InvalidRequest(
            "two ways of authentication", say="Use one method of client authentication."
        )
    basic = _basic(authorization[0])
    if in_body is not None and in_body != basic.client_id:
        raise InvalidRequest(
            "two client ids", say="client_id differs from the Authorization header."
        )
    return basic


def _basic(header: str) -> Credentials:
    scheme, _, encoded = header.partition(" ")
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
    return Credentials("client_secret_basic", _unquoted(client_id), _unquoted(secret))


def _unquoted(part: str) -> str:
    """
    Undo the form encoding that RFC 6749 puts inside Basic.

    Spec: RFC 6749 §2.3.1, appendix B
    """
    try:
        return unquote_to_bytes(part.replace("+", " ")).decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidClient("Basic credentials that are not UTF-8") from None
