"""What this server says of itself: nothing that does not work, and nothing left out that does."""

from typing import Any

from doorward.authserver.settings import AuthServerSettings
from doorward.authserver.token.client_authentication import METHODS
from doorward.authserver.token.endpoint import grants_of
from doorward.wire.oauth import pkce
from doorward.wire.oauth.server_metadata import OAUTH, OPENID


def oauth_metadata(settings: AuthServerSettings) -> dict[str, Any]:
    """
    Return the authorization server metadata.

    Spec: RFC 8414 §2; RFC 9207 §3; RFC 9728 §4; MCP 2026-07-28 client registration
    """
    secrets = [method for method in METHODS if method != "none"]
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
        "grant_types_supported": list(grants_of(settings)),
        "token_endpoint_auth_methods_supported": list(METHODS),
        "revocation_endpoint_auth_methods_supported": list(METHODS),
        "introspection_endpoint_auth_methods_supported": secrets,
        "code_challenge_methods_supported": [pkce.METHOD],
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": settings.client_documents,
        "protected_resources": [resource.uri for resource in settings.resources],
    }
    if settings.registration == "open":
        document["registration_endpoint"] = settings.url("/register")
    return document


def openid_metadata(settings: AuthServerSettings) -> dict[str, Any]:
    """
    Return the same with the members that OpenID Connect discovery asks for.

    No ID tokens are issued here, and the list of their algorithms is empty: clients that look for
    an authorization server in this place find one, and are promised nothing else.

    Spec: OpenID Connect Discovery 1.0 §3; RFC 8414 §5
    """
    return {
        **oauth_metadata(settings),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [],
    }


def well_known_paths(settings: AuthServerSettings) -> dict[str, dict[str, Any]]:
    """
    Return every path at which a client may look, with the document that is there.

    Before the issuer's path as RFC 8414 has it and behind it as OpenID Connect does, for both
    documents: clients differ in which they try.

    Spec: RFC 8414 §3.1, §5; MCP 2026-07-28 authorization server discovery
    """
    prefix = settings.prefix
    documents = ((OAUTH, oauth_metadata(settings)), (OPENID, openid_metadata(settings)))
    found = {well_known + prefix: document for well_known, document in documents}
    found |= {prefix + well_known: document for well_known, document in documents}
    return found
