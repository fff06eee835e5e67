"""Being known to an authorization server: which client id this client uses there, and why."""

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
from doorward.wire.address import require_issuer
from doorward.wire.oauth.client_metadata import is_client_id_url
from doorward.wire.oauth.server_metadata import ServerMetadata

RegistrationKind = Literal["pre-registered", "document", "registered"]

# RFC 6749 appendix A.1, A.2. A longer id fits into no address that a browser is given, and would be
# remembered: nobody could sign in there again.
_CREDENTIAL = re.compile(r"[\x20-\x7e]{1,2048}")


@dataclass(frozen=True, kw_only=True)
class Registration:
    """
    How this client is known to one issuer.

    A secret is bound to its issuer: the record carries the issuer's name, and nothing that asks on
    behalf of another issuer gets it.

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
        """Return what is kept in the store; a private key stays where its owner keeps it."""
        return asdict(replace(self, private_key=None))

    @classmethod
    def from_record(cls, record: Mapping[str, Any], issuer: str) -> "Registration | None":
        """Return the registration in ``record`` if it is one at ``issuer``."""
        try:
            found = msgspec.convert(vars(cls(**record)), cls)
        except (TypeError, msgspec.ValidationError):
            return None
        return found if found.issuer == issuer and _is_whole(found) else None


@dataclass(frozen=True, kw_only=True)
class ClientConfig:
    """
    What the user configured about this client's identity.

    ``client_id`` was given out by ``issuer``, which alone is sent ``client_secret``, or an assertion
    that is signed with ``private_key``. Both need an issuer: without one, the MCP server would say
    where they go. Any issuer that a server names may see a ``client_id`` alone. ``document`` is the
    URL of a client ID metadata document that the user hosts. ``name`` is shown on consent pages.

    Raises:
        ConfigurationError: with reason ``no-issuer``, or what ``require_issuer`` gives.

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
    """Return what to tell whoever configured credentials and did not say whom they are for."""
    return ConfigurationError(
        "no-issuer",
        f"{who} has credentials, and no issuer that they are for.",
        "Set ClientConfig(issuer=…) to the issuer that gave them out. It is not taken from the MCP "
        "server, which could name one of its own.",
    )


def _is_whole(kept: Any) -> bool:
    """Say whether the members of a record that was kept have the types that they were kept with."""
    secret = kept.client_secret
    texts = _is_credential(kept.client_id) and isinstance(kept.auth_method, str)
    if not texts or not (secret is None or isinstance(secret, str)) or kept.private_key is not None:
        return False
    uri = kept.redirect_uri
    usable = uri is None or (isinstance(uri, str) and parse_unambiguous(uri) is not None)
    return kept.kind in get_args(RegistrationKind) and usable


def preconfigured(client_config: ClientConfig, server: ServerMetadata) -> Registration | None:
    """
    Return the registration that needs no request, or ``None``.

    The order is pre-registered client, then metadata document where the server says that it reads
    them.

    Raises:
        SignInFailed: with reason ``wrong-issuer``; the configured client belongs to another one.

    Spec: MCP 2026-07-28 client registration
    """
    if client_config.issuer is not None and client_config.issuer != server.issuer:
        raise SignInFailed(
            "wrong-issuer",
            f"The server signs in at {server.issuer}, and the configured client is one of "
            f"{client_config.issuer}.",
            "Nothing was sent there. If you know that the client has moved, change its issuer: "
            "--issuer on the command line, ClientConfig(issuer=…) in code.",
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
    Return a fresh registration at ``server``, as a native application without a secret.

    Raises:
        SignInFailed: with reason ``no-registration`` (there is no endpoint, so a person must
            register this client) or ``registration-refused``.

    Spec: RFC 7591 §2, §3; MCP 2026-07-28 dynamic client registration
    """
    if server.registration_endpoint is None:
        raise SignInFailed(
            "no-registration",
            f"{server.issuer} registers no clients by itself.",
            f"Register a native client there with the redirect URI {redirect_uri}, then give its "
            "id with --client-id.",
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
            "Register a client by hand and give its id with --client-id.",
        )
    return _read(answer.document(), server, redirect_uri)


def _read(document: dict[str, Any], server: ServerMetadata, redirect_uri: str) -> Registration:
    client_id, secret = document.get("client_id"), document.get("client_secret")
    # The answer governs, not the wish: a server may hand out a secret that nobody asked for.
    method = document.get("token_endpoint_auth_method", "client_secret_basic" if secret else "none")
    if not _is_credential(client_id) or not (secret is None or _is_credential(secret)):
        raise ProtocolBroken(
            "malformed-registration",
            f"{server.issuer} answered a registration without a client id of 1 to 2,048 characters "
            "in visible ASCII, or with a secret that is not the same.",
            "Register a client by hand and give its id with --client-id.",
        )
    if method not in ("none", "client_secret_basic", "client_secret_post"):
        raise SignInFailed(
            "unsupported-client-authentication",
            f"{server.issuer} wants the client to authenticate in a way not known here.",
            "Register a public client by hand and give its id with --client-id.",
        )
    return Registration(
        issuer=server.issuer,
        client_id=str(client_id),
        client_secret=None if method == "none" else secret,
        auth_method=method,
        redirect_uri=redirect_uri,
        kind="registered",
    )


def _is_credential(value: object) -> bool:
    return isinstance(value, str) and bool(_CREDENTIAL.fullmatch(value))


def _auth_method(server: ServerMetadata, secret: str | None) -> str:
    if secret is None:
        return "none"
    offered = server.token_endpoint_auth_methods_supported
    return next(
        (method for method in ("client_secret_basic", "client_secret_post") if method in offered),
        "client_secret_basic",
    )


def _error_code(body: bytes, status: int) -> str:
    # RFC 7591 §3.2.2; the code alone, because the description is a stranger's prose.
    known = ("invalid_redirect_uri", "invalid_client_metadata", "invalid_software_statement")
    return next((f", {code}" for code in known if code.encode() in body and status < 500), "")


def require_document_url(url: str) -> str:
    """
    Return ``url`` when it may be a client id: https, with a path, without query or fragment.

    Raises:
        DiscoveryFailed: with reason ``not-a-client-id-url``.

    Spec: draft-ietf-oauth-client-id-metadata-document-00 §3
    """
    if not is_client_id_url(url):
        raise DiscoveryFailed(
            "not-a-client-id-url",
            f"{url!r} cannot be a client id.",
            "Give the https URL of your client metadata document, with a path.",
        )
    return url
