"""Chooses or registers the client id that this client uses at an authorization server."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

import msgspec

from doorward.client.http.http_client import HttpClient, require_success
from doorward.client.http.url_policy import parse_unambiguous
from doorward.client.refusals import DiscoveryFailed, ProtocolBroken, SignInFailed
from doorward.errors import ConfigurationError
from doorward.jose.private_key import PrivateKey
from doorward.net.client_authentication import CLIENT_AUTH_METHODS
from doorward.wire import address
from doorward.wire.address import require_issuer
from doorward.wire.oauth.client_metadata import is_client_id_url
from doorward.wire.oauth.server_metadata import ServerMetadata

RegistrationKind = Literal["pre-registered", "document", "registered"]

# RFC 6749 appendix A.1, A.2. A longer id makes an authorization URL that no browser accepts. Stored,
# it would prevent every later sign-in.
_CREDENTIAL = re.compile(r"[\x20-\x7e]{1,2048}")


@dataclass(frozen=True, kw_only=True)
class Registration:
    """
    This client's registration at one issuer.

    A secret is bound to its issuer: the record names the issuer, and no other issuer gets it.

    Spec: MCP 2026-07-28 client registration, authorization server binding
    """

    issuer: str
    client_id: str
    kind: RegistrationKind
    client_secret: str | None = field(default=None, repr=False)
    auth_method: str = "none"
    redirect_uri: str | None = None
    private_key: PrivateKey | None = field(default=None, repr=False)

    def to_record(self) -> dict[str, Any]:
        """Return the record for the token store, without the private key."""
        return asdict(replace(self, private_key=None))

    @classmethod
    def from_record(cls, record: Mapping[str, Any], issuer: str) -> "Registration | None":
        """Return the registration in ``record``, or ``None`` if it is not one at ``issuer``."""
        try:
            found = msgspec.convert(vars(cls(**record)), cls)
        except (TypeError, msgspec.ValidationError):
            return None
        return found if found.issuer == issuer and _is_whole(found) else None


@dataclass(frozen=True, kw_only=True)
class ClientConfig:
    """
    The user's configuration of this client.

    ```python
    config = ClientConfig(
        client_id="my-client",
        client_secret=os.environ["CLIENT_SECRET"],
        issuer="https://login.example",
    )
    async with connect("https://mcp.example/mcp", client_config=config) as client:
        tools = await client.list_tools()
    ```

    ``client_id`` was issued by ``issuer``. Only that issuer gets ``client_secret``, or an assertion
    signed with ``private_key``. Both need an issuer: without one, the MCP server would choose who
    gets them. A ``client_id`` alone may go to any issuer. ``document`` is the URL of a client ID
    metadata document. ``name`` appears on consent pages.

    Raises:
        ConfigurationError: with reason ``no-issuer``, or a reason of ``require_issuer``.

    Spec: MCP 2026-07-28 authorization server binding
    """

    name: str = "Doorward"
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    private_key: PrivateKey | None = field(default=None, repr=False)
    issuer: str | None = None
    document: str | None = None

    def __post_init__(self) -> None:
        if self.issuer is not None:
            require_issuer(self.issuer)
        elif self.client_secret is not None or self.private_key is not None:
            raise no_issuer(f"The client {self.client_id}")


def no_issuer(who: str) -> ConfigurationError:
    """Return the error for credentials without an issuer."""
    return ConfigurationError(
        "no-issuer",
        f"{who} has credentials, but no issuer.",
        "Set ClientConfig(issuer=…) to the issuer of the credentials. It is not taken from the MCP "
        "server: a malicious server would name its own.",
    )


def _is_whole(kept: Any) -> bool:
    """Return whether the members of a stored record have the right types."""
    secret = kept.client_secret
    method = kept.auth_method
    known = isinstance(method, str) and method in CLIENT_AUTH_METHODS
    if not known or not _is_credential(kept.client_id):
        return False
    if not (secret is None or isinstance(secret, str)) or kept.private_key is not None:
        return False
    uri = kept.redirect_uri
    usable = uri is None or (isinstance(uri, str) and parse_unambiguous(uri) is not None)
    return kept.kind in get_args(RegistrationKind) and usable


def preconfigured(client_config: ClientConfig, server: ServerMetadata) -> Registration | None:
    """
    Return the configured registration, or ``None``.

    The order is: pre-registered client, then metadata document if the server supports it.

    Raises:
        SignInFailed: with reason ``wrong-issuer``: the configured client is of another issuer.

    Spec: MCP 2026-07-28 client registration
    """
    if client_config.issuer is not None and client_config.issuer != server.issuer:
        raise SignInFailed(
            "wrong-issuer",
            f"The MCP server names the issuer {server.issuer}, but the configured client is of "
            f"{client_config.issuer}.",
            "Nothing was sent there. If the client has moved, change its issuer: --issuer on the "
            "command line, ClientConfig(issuer=…) in code.",
        )
    if client_config.client_id is not None:
        return Registration(
            issuer=server.issuer,
            client_id=client_config.client_id,
            client_secret=client_config.client_secret,
            private_key=client_config.private_key,
            auth_method="private_key_jwt"
            if client_config.private_key
            else _auth_method(server, client_config.client_secret),
            kind="pre-registered",
        )
    if client_config.document is not None and server.client_id_metadata_document_supported:
        return Registration(issuer=server.issuer, client_id=client_config.document, kind="document")
    return None


async def register(
    http_client: HttpClient,
    server: ServerMetadata,
    redirect_uri: str,
    client_config: ClientConfig,
    scopes: frozenset[str],
) -> Registration:
    """
    Register a native public client at ``server``, and return the registration.

    Raises:
        SignInFailed: with reason ``no-registration`` (the server has no registration endpoint) or
            ``registration-refused``.

    Spec: RFC 7591 §2, §3; MCP 2026-07-28 dynamic client registration
    """
    if server.registration_endpoint is None:
        raise SignInFailed(
            "no-registration",
            f"{server.issuer} has no dynamic client registration.",
            _by_hand(redirect_uri),
        )
    client_metadata: dict[str, Any] = {
        "client_name": client_config.name,
        "redirect_uris": [redirect_uri],
        "application_type": "native",
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
    }
    if server.device_authorization_endpoint is not None:
        client_metadata["grant_types"].append("urn:ietf:params:oauth:grant-type:device_code")
    if scopes:
        client_metadata["scope"] = " ".join(sorted(scopes))
    answer = await http_client.post_json(
        server.registration_endpoint, "registration endpoint", client_metadata
    )
    if answer.status >= 500:
        require_success(answer, "registration endpoint")
    if answer.status not in (200, 201):
        raise SignInFailed(
            "registration-refused",
            f"{server.issuer} refused to register this client ({answer.status}"
            f"{_error_code(answer.body, answer.status)}).",
            _by_hand(redirect_uri),
        )
    return _read(answer.document(), server, redirect_uri)


def _read(document: dict[str, Any], server: ServerMetadata, redirect_uri: str) -> Registration:
    client_id, secret = document.get("client_id"), document.get("client_secret")
    # The response decides, not the request: a server may issue an unrequested secret.
    method = document.get("token_endpoint_auth_method", "client_secret_basic" if secret else "none")
    if not _is_credential(client_id) or not (secret is None or _is_credential(secret)):
        raise ProtocolBroken(
            "malformed-registration",
            f"The registration response of {server.issuer} has a malformed client_id or "
            "client_secret. Expected 1 to 2,048 visible ASCII characters.",
            _by_hand(redirect_uri),
        )
    known = CLIENT_AUTH_METHODS.get(method) if isinstance(method, str) else None
    if known is None or known.needs == "private_key":
        raise SignInFailed(
            "unsupported-client-authentication",
            f"{server.issuer} registered the client for an unsupported authentication method.",
            _by_hand(redirect_uri),
        )
    return Registration(
        issuer=server.issuer,
        client_id=str(client_id),
        client_secret=None if method == "none" else secret,
        auth_method=method,
        redirect_uri=redirect_uri,
        kind="registered",
    )


def _by_hand(redirect_uri: str) -> str:
    """Return how the user gets a client where this one cannot register itself."""
    parts = address.split(redirect_uri)
    # The next sign-in must listen at the redirect URI that the user registers now.
    port = f" and --port {parts.port}" if parts is not None and parts.port else ""
    return (
        f"Register a native client there with the redirect URI {redirect_uri}. Then sign in with "
        f"--client-id{port}; a client with a secret needs --client-secret-file and --issuer too."
    )


def _is_credential(value: object) -> bool:
    return isinstance(value, str) and bool(_CREDENTIAL.fullmatch(value))


def _auth_method(server: ServerMetadata, secret: str | None) -> str:
    if secret is None:
        return "none"
    offered = server.token_endpoint_auth_methods_supported
    with_secret = [
        name for name, one in CLIENT_AUTH_METHODS.items() if one.needs == "client_secret"
    ]
    return next((name for name in with_secret if name in offered), with_secret[0])


def _error_code(body: bytes, status: int) -> str:
    # RFC 7591 §3.2.2; only the code, because the description is untrusted text.
    known = ("invalid_redirect_uri", "invalid_client_metadata", "invalid_software_statement")
    return next((f", {code}" for code in known if code.encode() in body and status < 500), "")


def require_document_url(url: str) -> str:
    """
    Return ``url`` if it is a valid client id: https, with a path, without query or fragment.

    Raises:
        DiscoveryFailed: with reason ``not-a-client-id-url``.

    Spec: draft-ietf-oauth-client-id-metadata-document-00 §3
    """
    if not is_client_id_url(url):
        raise DiscoveryFailed(
            "not-a-client-id-url",
            f"{url!r} is not a valid client id URL.",
            "Give the https URL of your client ID metadata document, with a path.",
        )
    return url
