"""How this server shows an issuer who is asking."""

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from urllib.parse import quote_plus, urlencode

from doorward.errors import ConfigurationError
from doorward.net import FetchRequest
from doorward.wire.address import is_loopback_host, split

Method = Literal["client_secret_basic", "client_secret_post", "private_key_jwt"]

FORM = "application/x-www-form-urlencoded"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_LIVES = 60


class Signer(Protocol):
    """A private key, such as ``doorward.client.PrivateKey``."""

    @property
    def thumbprint(self) -> str:
        """The key's id."""

    def sign(self, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
        """Return a compact JWS of ``claims``."""


@dataclass(frozen=True, kw_only=True)
class ClientAuthentication:
    """
    This server as a client of the issuer that it asks.

    Raises:
        ConfigurationError: with reason ``no-lookup-credentials``: issuers answer no strangers.

    Spec: RFC 7662 §2.1, §4; RFC 6749 §2.3.1; RFC 7523 §2.2
    """

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    private_key: Signer | None = field(default=None, repr=False)
    method: Method = "client_secret_basic"

    def __post_init__(self) -> None:
        wanted = self.private_key if self.method == "private_key_jwt" else self.client_secret
        if not self.client_id or not wanted:
            what = "private_key" if self.method == "private_key_jwt" else "client_secret"
            raise ConfigurationError(
                "no-lookup-credentials",
                "Tokens can be looked up by a client with credentials alone, and there are none.",
                f"Set client_id and {what} to those of a confidential client of this server.",
            )

    def basic(self) -> str:
        """
        Return the value of Authorization for the secret.

        Spec: RFC 6749 §2.3.1: both halves are form-encoded before they are joined
        """
        pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret or '')}"
        return "Basic " + base64.b64encode(pair.encode()).decode("ascii")

    def form(self, fields: Mapping[str, str], *, issuer: str, now: float) -> FetchRequest:
        """Return the question that posts ``fields`` to ``issuer`` as this client."""
        full, authorization = dict(fields), None
        if self.method == "client_secret_basic":
            authorization = self.basic()
        elif self.method == "client_secret_post":
            full |= {"client_id": self.client_id, "client_secret": self.client_secret or ""}
        else:
            full |= {
                "client_id": self.client_id,
                "client_assertion_type": _ASSERTION,
                "client_assertion": self._assertion(issuer, now),
            }
        return FetchRequest(
            method="POST",
            body=urlencode(full).encode("ascii"),
            content_type=FORM,
            authorization=authorization,
        )

    def _assertion(self, issuer: str, now: float) -> str:
        assert self.private_key is not None
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            # The issuer and not the endpoint: an endpoint's name can be another server's choice.
            "aud": issuer,
            "jti": secrets.token_urlsafe(16),
            "iat": int(now),
            "exp": int(now) + _ASSERTION_LIVES,
        }
        return self.private_key.sign({"typ": "JWT", "kid": self.private_key.thumbprint}, claims)


@dataclass(frozen=True, kw_only=True)
class AsClient:
    """
    What an operator writes down wherever this server asks an issuer as its confidential client.

    ``method`` is ``client_secret_basic`` unless ``private_key`` is given.

    Raises:
        ConfigurationError: with reason ``no-lookup-credentials``.
    """

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    private_key: Signer | None = field(default=None, repr=False)
    method: Method | None = None

    def __post_init__(self) -> None:
        # Made once, so that credentials which cannot do are refused at start-up.
        _ = self.client

    @property
    def client(self) -> ClientAuthentication:
        """Whom this server asks as."""
        usual: Method = "client_secret_basic" if self.private_key is None else "private_key_jwt"
        return ClientAuthentication(
            client_id=self.client_id,
            client_secret=self.client_secret,
            private_key=self.private_key,
            method=self.method or usual,
        )


def require_secure(url: str, reason: str) -> None:
    """Raise ConfigurationError ``reason`` unless tokens and a secret may travel to ``url``."""
    parts = split(url)
    if parts is None or (parts.scheme != "https" and not is_loopback_host(parts.hostname)):
        raise ConfigurationError(
            reason,
            f"Tokens and a secret would travel to {url!r} in the clear.",
            "Give the issuer's https address (http is for localhost alone).",
        )


def json_question(fields: Mapping[str, str], *, authorization: str, accept: str) -> FetchRequest:
    """Return the question that posts ``fields`` as JSON."""
    return FetchRequest(
        method="POST",
        accept=accept,
        body=json.dumps(fields).encode("ascii"),
        content_type="application/json",
        authorization=authorization,
    )
