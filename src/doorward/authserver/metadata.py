"""What this server publishes and accepts, derived from its tables of methods and grants."""

from dataclasses import replace
from typing import Any

from doorward.authserver.client_auth_methods import AUTH_METHODS
from doorward.authserver.openid.claims import SUPPORTED_CLAIMS
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.token.grant_types import GRANT_TYPES, enabled_grant_types
from doorward.jose.algorithm_names import SUPPORTED
from doorward.wire.oauth import pkce
from doorward.wire.oauth.client_metadata import RegistrationPolicy
from doorward.wire.oauth.server_metadata import OAUTH, OPENID


def oauth_metadata(settings: AuthServerSettings) -> dict[str, Any]:
    """
    Return the authorization server metadata.

    Spec: RFC 8414 §2; RFC 9207 §3; RFC 9728 §4; MCP 2026-07-28 client registration
    """
    methods = [method.name for method in AUTH_METHODS]
    confidential = [method.name for method in AUTH_METHODS if method.confidential]
    algorithms = sorted(SUPPORTED)
    document: dict[str, Any] = {
        "issuer": settings.issuer,
        "authorization_endpoint": settings.url("/authorize"),
        "token_endpoint": settings.url("/token"),
        "jwks_uri": settings.url("/jwks.json"),
        "revocation_endpoint": settings.url("/revoke"),
        "introspection_endpoint": settings.url("/introspect"),
        "scopes_supported": sorted({name for one in settings.resources for name in one.scopes}),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(enabled_grant_types(settings)),
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint_auth_methods_supported": confidential,
        "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
        "code_challenge_methods_supported": [pkce.METHOD],
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": settings.client_documents,
        "protected_resources": [resource.uri for resource in settings.resources],
    }
    if settings.registration == "open":
        document["registration_endpoint"] = settings.url("/register")
    return document


def registration_policy(settings: AuthServerSettings) -> RegistrationPolicy:
    """Return the policy of ``/register``."""
    return RegistrationPolicy(
        auth_methods=tuple(method.name for method in AUTH_METHODS),
        key_methods=tuple(method.name for method in AUTH_METHODS if method.needs == "keys"),
        signing_algorithms=SUPPORTED,
        id_token_algorithm=settings.signing_algorithm if settings.openid else None,
        grant_types=tuple(grant.name for grant in GRANT_TYPES if grant.registrable),
        private_schemes=settings.private_schemes,
    )


def document_policy(settings: AuthServerSettings) -> RegistrationPolicy:
    """Return the policy for client ID metadata documents, which cannot hold a secret."""
    without_secret = tuple(method.name for method in AUTH_METHODS if method.needs != "secret")
    return replace(registration_policy(settings), auth_methods=without_secret)


def openid_metadata(settings: AuthServerSettings) -> dict[str, Any]:
    """
    Return the same metadata with the members that OpenID Connect Discovery requires.

    If this server is no OpenID provider, it issues no ID tokens, and the list of their algorithms is
    empty. The document is then for clients that look for an authorization server only at this path.
    The other document never has the scopes of a sign-in: MCP clients ask for all that they find there.

    Spec: OpenID Connect Discovery 1.0 §3; RFC 8414 §5
    """
    document = oauth_metadata(settings) | {"subject_types_supported": ["public"]}
    signs_in = settings.openid_resource
    if signs_in is None:
        return document | {"id_token_signing_alg_values_supported": []}
    return document | {
        "userinfo_endpoint": settings.url("/userinfo"),
        "id_token_signing_alg_values_supported": [settings.signing_algorithm],
        "scopes_supported": [*signs_in.scopes, *document["scopes_supported"]],
        "claims_supported": list(SUPPORTED_CLAIMS),
        # Left out, request_uri would count as supported.
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }


def well_known_paths(settings: AuthServerSettings) -> dict[str, dict[str, Any]]:
    """
    Return every path at which clients look for metadata, with its document.

    RFC 8414 inserts the well-known path before the issuer's path, and OpenID Connect appends it.
    Both documents are served at both paths, because clients differ in which one they try.

    Spec: RFC 8414 §3.1, §5; MCP 2026-07-28 authorization server discovery
    """
    prefix = settings.prefix
    documents = ((OAUTH, oauth_metadata(settings)), (OPENID, openid_metadata(settings)))
    found = {well_known + prefix: document for well_known, document in documents}
    found |= {prefix + well_known: document for well_known, document in documents}
    return found
