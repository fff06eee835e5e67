"""How this server authenticates to an issuer as a client."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode

from doorward.errors import ConfigurationError
from doorward.net import FetchRequest
from doorward.net.client_authentication import (
    CLIENT_AUTH_METHODS,
    ClientCredential,
    Signer,
    basic_authorization,
)
from doorward.wire.address import is_loopback_host, split

Method = Literal["client_secret_basic", "client_secret_post", "private_key_jwt"]

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, kw_only=True)
class ClientAuthentication(ClientCredential):
    """
    This server as a client of an issuer.

    Raises:
        ConfigurationError: with reason ``no-lookup-credentials``.

    Spec: RFC 7662 §2.1, §4; RFC 6749 §2.3.1; RFC 7523 §2.2
    """

    method: Method = "client_secret_basic"

    def __post_init__(self) -> None:
        method = CLIENT_AUTH_METHODS[self.method]
        if not self.client_id or not method.has_what_it_needs(self):
            raise ConfigurationError(
                "no-lookup-credentials",
                "Only a client with credentials can look tokens up, and there are none.",
                f"Set client_id and {method.needs} to those of a confidential client of this server.",
            )

    def basic(self) -> str:
        """Return the ``Authorization`` header for HTTP Basic."""
        return basic_authorization(self.client_id, self.client_secret or "")

    def form(self, fields: Mapping[str, str], *, issuer: str, now: float) -> FetchRequest:
        """Return the request that posts ``fields`` to ``issuer`` as this client."""
        full, headers = CLIENT_AUTH_METHODS[self.method].apply(self, fields, issuer, now)
        return FetchRequest(
            method="POST",
            body=urlencode(full).encode("ascii"),
            content_type=FORM,
            authorization=headers.get("Authorization"),
        )


@dataclass(frozen=True, kw_only=True)
class ConfidentialClient:
    """
    The settings of this server as a confidential client of an issuer.

    ``method`` is ``client_secret_basic`` unless ``private_key`` is given.

    Raises:
        ConfigurationError: with reason ``no-lookup-credentials``.
    """

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    private_key: Signer | None = field(default=None, repr=False)
    method: Method | None = None

    def __post_init__(self) -> None:
        # Missing credentials are refused at start-up, not at the first token.
        _ = self.client

    @property
    def client(self) -> ClientAuthentication:
        """The client as which this server authenticates."""
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


def json_request(fields: Mapping[str, str], *, authorization: str, accept: str) -> FetchRequest:
    """Return the request that posts ``fields`` as JSON."""
    return FetchRequest(
        method="POST",
        accept=accept,
        body=json.dumps(fields).encode("ascii"),
        content_type="application/json",
        authorization=authorization,
    )
