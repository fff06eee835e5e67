"""Client metadata: registrations (RFC 7591) and Client ID Metadata Documents."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from doorward.errors import RequestRefused
from doorward.wire import address
from doorward.wire.oauth import redirect_uri
from doorward.wire.oauth.scope import parse_scope

ApplicationType = Literal["web", "native"]

MOST_REDIRECT_URIS = 20
LONGEST_NAME = 200
LONGEST_CLIENT_ID = 2048

_LINKS = ("client_uri", "logo_uri", "tos_uri", "policy_uri")
_PRIVATE_KEY_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z](?:[a-z0-9-]*[a-z0-9])?")


class InvalidClientMetadata(RequestRefused):
    """A member of the client's metadata cannot be accepted; ``problem`` names it in a sentence."""

    code = "invalid-client-metadata"
    wire_error = "invalid_client_metadata"
    public = "The client metadata cannot be accepted."
    hint = "Correct the member that error_description names."

    def __init__(self, problem: str) -> None:
        # It names members and never repeats their values.
        super().__init__(problem, description=problem)
        self.problem = problem


class InvalidRedirectUri(InvalidClientMetadata):
    """A redirect URI that must never receive a code."""

    code = "invalid-redirect-uri"
    wire_error = "invalid_redirect_uri"
    hint = "Register an https URI, a loopback address or a private-use scheme."


@dataclass(frozen=True, kw_only=True)
class RegistrationPolicy:
    """
    What an authorization server accepts in client metadata.

    ``auth_methods`` and ``grant_types`` are the names that a client may register; ``key_methods``
    are the methods for which it must name its keys, to sign with ``signing_algorithms``.
    ``private_schemes`` are the private-use URI schemes that its redirect URIs may have.
    ``id_token_algorithm`` signs ID tokens; ``None`` where there are none.
    """

    auth_methods: tuple[str, ...]
    grant_types: tuple[str, ...]
    key_methods: tuple[str, ...] = ()
    signing_algorithms: frozenset[str] = frozenset()
    id_token_algorithm: str | None = None
    private_schemes: frozenset[str] = redirect_uri.EDITOR_SCHEMES


# A public client with the code grant: every authorization server for MCP accepts it.
PUBLIC_CLIENT = RegistrationPolicy(
    auth_methods=("none",), grant_types=("authorization_code", "refresh_token")
)


@dataclass(frozen=True, kw_only=True)
class ClientMetadata:
    """
    A client's validated metadata, without unknown members.

    ``scope`` is ``None`` if the client requested none. Only the form is verified: a client can claim any
    name.

    Spec: RFC 7591 §2
    """

    redirect_uris: tuple[str, ...]
    token_endpoint_auth_method: str
    grant_types: tuple[str, ...] = ("authorization_code",)
    response_types: tuple[str, ...] = ("code",)
    application_type: str | None = None
    client_name: str | None = None
    scope: frozenset[str] | None = None
    client_uri: str | None = None
    logo_uri: str | None = None
    tos_uri: str | None = None
    policy_uri: str | None = None
    software_id: str | None = None
    software_version: str | None = None
    # Only of a client that authenticates with a key: one of the two.
    jwks: Mapping[str, Any] | None = None
    jwks_uri: str | None = None
    token_endpoint_auth_signing_alg: str | None = None


def parse_registration(document: Mapping[str, Any], policy: RegistrationPolicy) -> ClientMetadata:
    """
    Return the metadata in a registration request, reduced to what ``policy`` accepts.

    Other grant types and response types are dropped, as RFC 7591 allows; the response lists the rest.
    Does not check whether the scopes exist.

    Raises:
        InvalidRedirectUri: 400 ``invalid_redirect_uri``.
        InvalidClientMetadata: 400 ``invalid_client_metadata``.

    Spec: RFC 7591 §2, §3.1, §3.2.2; OpenID Connect Registration 1.0 §2
    """
    _check_id_token_algorithm(document, policy)
    method = _text(document, "token_endpoint_auth_method", 64) or "client_secret_basic"
    if method not in policy.auth_methods:
        raise InvalidClientMetadata(
            f"token_endpoint_auth_method must be one of {', '.join(policy.auth_methods)}."
        )
    return _parse(document, method, policy)


def parse_client_document(
    document: Mapping[str, Any], client_id: str, policy: RegistrationPolicy
) -> ClientMetadata:
    """
    Return the metadata in the document at a client_id URL, if it is that client's document.

    Grant types that ``policy`` does not have are ignored. ``token_endpoint_auth_methods_supported`` can
    replace the single method. The document is public, so it must not contain a secret.

    Raises:
        InvalidRedirectUri, InvalidClientMetadata: the document cannot be used.

    Spec: draft-ietf-oauth-client-id-metadata-document §4.1; MCP 2026-07-28 client registration
    """
    # Byte for byte: a document at two URLs belongs to one of them.
    if document.get("client_id") != client_id:
        raise InvalidClientMetadata("client_id in the document is not the URL it was fetched from.")
    secrets = [name for name in ("client_secret", "client_secret_expires_at") if name in document]
    if secrets:
        raise InvalidClientMetadata(f"{secrets[0]} does not belong in a public document.")
    if not _text(document, "client_name", LONGEST_NAME):
        raise InvalidClientMetadata("client_name is missing.")
    return _parse(document, _document_auth_method(document, policy), policy)


def is_client_id_url(text: str, *, local_hosts: frozenset[str] = frozenset()) -> bool:
    """
    Return whether a client_id is a URL from which its metadata may be fetched.

    It needs https, a lower-case host name and a path other than "/". Dot segments, a fragment,
    credentials and an empty port are refused. ``local_hosts`` are exact ``host:port`` pairs that may
    be http, for development.

    Does not check whether the host may be contacted: the fetcher does that.

    Spec: draft-ietf-oauth-client-id-metadata-document §3
    """
    parts = address.split(text) if len(text) <= LONGEST_CLIENT_ID else None
    if parts is None or "#" in text or not text.startswith(f"{parts.scheme}://{parts.netloc}/"):
        return False
    # Checked after decoding too: some servers treat "%2e%2e" as "..".
    segments = re.sub("%2e", ".", parts.path, flags=re.IGNORECASE).split("/")
    if parts.path == "/" or "." in segments or ".." in segments or '"' in text or "<" in text:
        return False
    if parts.netloc in local_hosts:
        return True
    if parts.scheme != "https" or parts.netloc.endswith(":") or parts.hostname is None:
        return False
    named = parts.netloc.removesuffix(f":{parts.port}")
    return named == parts.hostname and _HOST.fullmatch(named) is not None


def looks_like_url(client_id: str) -> bool:
    """Return whether a client_id looks like a URL, and so must not be looked up as anything else."""
    return "://" in client_id or client_id.lower().startswith(("http:", "https:"))


def _parse(document: Mapping[str, Any], method: str, policy: RegistrationPolicy) -> ClientMetadata:
    application_type = _text(document, "application_type", 16)
    if application_type not in (None, "web", "native"):
        raise InvalidClientMetadata("application_type must be web or native.")
    keys = _keys(document, method, policy)
    links: dict[str, Any] = {name: _link(document, name) for name in _LINKS}
    return ClientMetadata(
        redirect_uris=_redirect_uris(document, application_type, policy.private_schemes),
        token_endpoint_auth_method=method,
        grant_types=_kept(document, "grant_types", policy.grant_types, "authorization_code"),
        response_types=_kept(document, "response_types", ("code",), "code"),
        application_type=application_type,
        client_name=_text(document, "client_name", LONGEST_NAME),
        scope=_scope(document),
        software_id=_text(document, "software_id", LONGEST_NAME),
        software_version=_text(document, "software_version", LONGEST_NAME),
        **links,
        **keys,
    )


def _keys(document: Mapping[str, Any], method: str, policy: RegistrationPolicy) -> dict[str, Any]:
    """Return the members about keys, if the client authenticates with one. Refuse a private key."""
    jwks, jwks_uri = document.get("jwks"), _link(document, "jwks_uri")
    _check_keys(document)
    if method not in policy.key_methods:
        return {}
    if jwks is None and jwks_uri is None:
        raise InvalidClientMetadata(f"{method} needs jwks or jwks_uri.")
    algorithm = _text(document, "token_endpoint_auth_signing_alg", 16)
    if algorithm is not None and algorithm not in policy.signing_algorithms:
        accepted = ", ".join(sorted(policy.signing_algorithms))
        raise InvalidClientMetadata(f"token_endpoint_auth_signing_alg must be one of {accepted}.")
    return {
        "jwks": jwks,
        "jwks_uri": jwks_uri,
        "token_endpoint_auth_signing_alg": algorithm,
    }


def _document_auth_method(document: Mapping[str, Any], policy: RegistrationPolicy) -> str:
    method = _text(document, "token_endpoint_auth_method", 64)
    offered = _texts(document, "token_endpoint_auth_methods_supported")
    if method is None:
        # RFC 7591 defaults to client_secret_basic, which a public document cannot use.
        method = "none" if offered is None or "none" in offered else offered[0] if offered else ""
    if method not in policy.auth_methods:
        accepted = " or ".join(policy.auth_methods)
        raise InvalidClientMetadata(
            f"token_endpoint_auth_method must be {accepted} for this server."
        )
    return method


def _redirect_uris(
    document: Mapping[str, Any], application_type: str | None, private_schemes: frozenset[str]
) -> tuple[str, ...]:
    uris = document.get("redirect_uris")
    if not isinstance(uris, list) or not uris:
        raise InvalidRedirectUri("redirect_uris must be a list with at least one entry.")
    if len(uris) > MOST_REDIRECT_URIS:
        raise InvalidRedirectUri(f"redirect_uris may have at most {MOST_REDIRECT_URIS} entries.")
    for place, uri in enumerate(uris):
        if not isinstance(uri, str):
            raise InvalidRedirectUri(f"redirect_uris[{place}] is not a string.")
        problem = redirect_uri.problem_with(uri, application_type, private_schemes=private_schemes)
        if problem:
            raise InvalidRedirectUri(f"redirect_uris[{place}] {problem}.")
    return tuple(uris)


def _kept(
    document: Mapping[str, Any], name: str, served: tuple[str, ...], needed: str
) -> tuple[str, ...]:
    asked = _texts(document, name)
    if asked is None:
        return (needed,)
    kept = tuple(value for value in served if value in asked)
    if needed not in kept:
        raise InvalidClientMetadata(f"{name} must include {needed}.")
    return kept


def _check_keys(document: Mapping[str, Any]) -> None:
    jwks = document.get("jwks")
    if jwks is None:
        return
    if "jwks_uri" in document:
        raise InvalidClientMetadata("jwks and jwks_uri must not both be present.")
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise InvalidClientMetadata("jwks is not a key set.")
    if any(_PRIVATE_KEY_MEMBERS & key.keys() for key in keys):
        raise InvalidClientMetadata("jwks holds a private or shared key.")


def _check_id_token_algorithm(document: Mapping[str, Any], policy: RegistrationPolicy) -> None:
    """Refuse an algorithm that no ID token will have: the client would refuse each sign-in."""
    algorithm = _text(document, "id_token_signed_response_alg", 16)
    signed = policy.id_token_algorithm
    if signed is not None and algorithm not in (None, signed):
        raise InvalidClientMetadata(f"id_token_signed_response_alg must be {signed}.")


def _scope(document: Mapping[str, Any]) -> frozenset[str] | None:
    text = _text(document, "scope", 4096)
    if text is None:
        return None
    scopes = parse_scope(text)
    if scopes is None:
        raise InvalidClientMetadata("scope is not a space-separated list of scopes.")
    return scopes


def _link(document: Mapping[str, Any], name: str) -> str | None:
    link = _text(document, name, redirect_uri.LONGEST)
    if link is None:
        return None
    parts = address.split(link)
    # The consent page shows it: http could be changed in transit, and javascript would run.
    if parts is None or urlsplit(link).scheme != "https":
        raise InvalidClientMetadata(f"{name} must be an https URL.")
    return link


def _text(document: Mapping[str, Any], name: str, longest: int) -> str | None:
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidClientMetadata(f"{name} must be a string.")
    if len(value) > longest:
        raise InvalidClientMetadata(f"{name} may have at most {longest} characters.")
    return value or None


def _texts(document: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidClientMetadata(f"{name} must be a list of strings.")
    return tuple(value)
