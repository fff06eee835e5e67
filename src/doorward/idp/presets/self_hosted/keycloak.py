"""Keycloak."""

import re
from datetime import date

from doorward.idp.facts import UNSOURCED, Answer, ManualRegistration, Matrix, Quirk, Source
from doorward.idp.preset import Preset
from doorward.idp.sign_in import ProviderSignIn
from doorward.tokens import TokenProfile

_SEEN = date(2026, 11, 21)
_CODE = Source("https://github.com/keycloak/keycloak (26.7, at 1054d126)", _SEEN)
_GUIDE = Source(
    "https://github.com/keycloak/keycloak/blob/1054d126/docs/guides/securing-apps/mcp-authz-server.adoc",
    _SEEN,
)
_PATHS = Source("https://github.com/keycloak/keycloak/issues/48527", _SEEN)
_MEASURED = Source("measured: Keycloak 26.7.4 from Maven Central", date(2026, 11, 22))
_POLICIES = Source(
    "https://github.com/keycloak/keycloak, DefaultClientRegistrationPolicies.java", _SEEN
)
_SERVICE = Source("https://github.com/keycloak/keycloak/pull/34664", date(2026, 11, 22))
_CORS = Source("https://github.com/keycloak/keycloak/issues/39629", _SEEN)
_AUTH_METHOD = Source("https://github.com/keycloak/keycloak/issues/44403", _SEEN)
_OPENID = Source("https://github.com/keycloak/keycloak/issues/45271", _SEEN)

KEYCLOAK = Preset(
    name="keycloak",
    title="Keycloak",
    issuer="https://{host}/realms/{realm}",
    discovery=_PATHS.says(
        (
            "https://{host}/.well-known/oauth-authorization-server/realms/{realm}",
            "https://{host}/realms/{realm}/.well-known/openid-configuration",
            "https://{host}/realms/{realm}/.well-known/oauth-authorization-server",
        ),
        "the OAuth forms since 26.4",
    ),
    audience="'account' or nothing, unless an Audience mapper adds this server's URL.",
    algorithms=("RS256",),
    profile=TokenProfile(
        name="keycloak",
        types=frozenset({"jwt", "at+jwt"}),
        client_claims=("azp", "client_id"),
        role_paths=("realm_access.roles",),
        required_claims=frozenset({"iat", "jti"}),
        # ID, refresh and logout tokens say "ID", "Refresh" and "Logout" here. Not by nonce: older
        # versions put it into access tokens as well.
        required_values={"typ": "Bearer"},
        forbidden_claims=frozenset({"at_hash", "c_hash", "events"}),
        service_claims={"client_id": None},
    ),
    # Its answers name the client of every token in client_id, and leave clientHost out; and a person
    # may be called service-account-something. What stands before the colon is Keycloak's alone.
    introspected=TokenProfile(
        name="keycloak",
        types=frozenset(),
        type_may_be_absent=True,
        client_claims=("client_id", "azp"),
        role_paths=("realm_access.roles",),
        required_claims=frozenset(),
        required_values={"typ": "Bearer"},
        service_claims={"jti": re.compile("[a-z]{4}cc:.+")},
    ),
    registration_fixes_scopes=True,
    claims=_CODE.says(
        "The payload's typ is Bearer in access tokens and something else in all others; azp is the client, scope a text, realm_access.roles a list."
    ),
    facts=(
        _CODE.says(
            "The header's typ is JWT unless the client sets access.token.header.type.rfc9068."
        ),
        _CODE.says("Tokens of service accounts carry client_id beside azp."),
        _SERVICE.suggests(
            "The scope service_account, which such clients have and no person, adds client_id, clientHost and clientAddress to access tokens, and nothing to what introspection answers."
        ),
        _CODE.says(
            "What stands before the colon in jti is Keycloak's own, and no mapper writes it: kind of session, kind of token, and the grant, cc for client credentials (DefaultTokenContextEncoderProvider)."
        ),
        _OPENID.says("The OpenID document is behind the path only, never inserted before it."),
        _MEASURED.says(
            "An RSA-OAEP key for encryption stands in the key set beside the others, which is sent with Cache-Control: no-cache."
        ),
        _MEASURED.says(
            "A client that registers with a scope has that scope alone: mappers of the realm's default client scopes, an audience among them, do not reach its tokens."
        ),
        _MEASURED.says(
            "A client scope with role mappings is given only to users with one of the roles; others get the token without it."
        ),
        _MEASURED.says(
            "token_endpoint_auth_methods_supported lacks none, although public clients can be registered and used; with --features=cimd it has none, and client_id_metadata_document_supported is true."
        ),
        _MEASURED.says(
            "With --features=resource-indicators, a resource that no client has as its attribute resource_url is answered invalid_target; otherwise aud becomes that resource and nothing else."
        ),
    ),
    quirks=(
        Quirk(
            departs_from="RFC 8707 §2",
            fact=_GUIDE.says(
                "`resource` is ignored without --features=resource-indicators (26.6)."
            ),
            remedy=_MEASURED.says(
                "Client scopes > each MCP scope > Mappers > Configure a new mapper > Audience: Included Custom Audience is the MCP URL, Add to access token on."
            ),
        ),
        Quirk(
            departs_from="RFC 7591 §3",
            fact=_POLICIES.says(
                "Anonymous registration is refused until Trusted Hosts names hosts: of the sender and of the redirect URIs."
            ),
            remedy=_MEASURED.says(
                "Clients > Client registration > Anonymous access policies > Trusted Hosts: add localhost and 127.0.0.1, Client URIs Must Match off; Allowed Client Scopes: add the MCP scopes."
            ),
        ),
        Quirk(
            departs_from="MCP step-up authorization",
            fact=_MEASURED.says(
                "A client that registered with scopes gets invalid_scope for every other one, and stock clients register with those that the server's first 401 names."
            ),
            remedy=_MEASURED.says(
                'Guard(idp="keycloak") names all scopes of its policy in the first 401. For a scope that is new: Clients > the client > Client scopes > Add client scope > Optional.'
            ),
        ),
        Quirk(
            departs_from="Fetch Standard, CORS",
            fact=_CORS.says("Before 26.5 the registration endpoint answers no browser."),
            remedy=_MEASURED.says(
                "Clients > Client registration > Anonymous access policies > Allowed Registration Web Origins: add the client's origin."
            ),
        ),
        Quirk(
            departs_from="RFC 7591 §2",
            fact=_AUTH_METHOD.says("Before 26.6 token_endpoint_auth_method is ignored."),
            remedy=_AUTH_METHOD.says("Upgrade to 26.6 or newer."),
        ),
    ),
    manual=ManualRegistration(
        place=UNSOURCED.suggests(
            "Clients > Create client: Standard flow on, Client authentication off, or on for a client with a secret; Valid redirect URIs."
        ),
        redirect_uris=Source(_MEASURED.where, date(2026, 11, 30)).says(
            "A loopback address without a port accepts every port; with one, that port alone. * at the end matches the rest."
        ),
    ),
    matrix=Matrix(
        pkce=_MEASURED.says(Answer.YES),
        rfc8414=_MEASURED.says(Answer.YES, "since 26.4, both forms"),
        rfc7591=_MEASURED.says(Answer.YES, "closed until its policies name trusted hosts"),
        rfc8707=_MEASURED.says(Answer.EXPERIMENTAL, "--features=resource-indicators, since 26.6"),
        oidc=_MEASURED.says(Answer.YES),
        cimd=_MEASURED.says(Answer.EXPERIMENTAL, "--features=cimd, since 26.6"),
        rfc9207=_MEASURED.says(Answer.YES),
        dpop=_MEASURED.says(Answer.YES, "since 26.4"),
        jwt=_MEASURED.says(Answer.YES, "typ is JWT"),
        introspection=_MEASURED.says(Answer.YES),
        revocation=_MEASURED.says(Answer.YES),
    ),
    sign_in=ProviderSignIn(
        redirect_screen=UNSOURCED.suggests(
            "Clients > Create client: Client authentication on, Standard flow on, Valid redirect URIs; then Credentials"
        ),
        cost=(UNSOURCED.suggests("Keycloak is open source (Apache 2.0)."),),
        refresh=(
            _MEASURED.suggests(
                "The session settings of the realm decide how long a refresh token lives."
            ),
        ),
        limits=(
            UNSOURCED.suggests(
                "Groups need a mapper: Client scopes > the client's dedicated scope > Add mapper > Group Membership: groups."
            ),
            UNSOURCED.suggests("An address counts only if Email verified is on for the user."),
        ),
    ),
)
