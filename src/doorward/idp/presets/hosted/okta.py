"""Okta: custom authorization servers, and the org server, whose tokens are for Okta alone."""

from dataclasses import replace
from datetime import date

from doorward.idp.facts import EXACTLY, UNSOURCED, Answer, ManualRegistration, Matrix, Quirk, Source
from doorward.idp.preset import Preset
from doorward.idp.sign_in import ProviderSignIn
from doorward.tokens import TokenProfile

_SEEN = date(2026, 11, 21)
_DOCS = Source("https://developer.okta.com/docs/api/openapi/okta-oauth/oauth/customas", _SEEN)
_CUSTOM = Source("recorded: okta_custom_default_2023.json", date(2023, 1, 1))
_ORG = Source("recorded: okta_org_oauth-authorization-server.json", date(2026, 10, 3))
_TOKENS = Source(
    "https://github.com/redpanda-data/redpanda, src/v/security/tests/jwt_test.cc", _SEEN
)
_KINDS = Source("https://developer.okta.com/docs/concepts/auth-servers", date(2026, 11, 22))
_MENU = Source(
    "https://help.okta.com/oie/en-us/Content/Topics/Security/api-config-auth-server.htm",
    date(2026, 11, 22),
)
_PROXY = Source("https://github.com/agentgateway/agentgateway, mcp/auth.rs at 75b4e6ce6", _SEEN)
_DCR = Source("https://github.com/envoyproxy/ai-gateway/issues/2074", _SEEN)
_CORS = Source("https://github.com/modelcontextprotocol/inspector/issues/571", _SEEN)

_BY_HAND = UNSOURCED.suggests(
    "Applications > Applications > Create App Integration > OIDC > Native Application, or Web Application for a client with a secret; give its Client ID to the client."
)

_REGISTRATION = Quirk(
    departs_from="RFC 7591 §3",
    fact=_DCR.says(
        "Registration needs an API token (SSWS, or the scope okta.clients.register), and answers no browser."
    ),
    remedy=_BY_HAND,
)
_FIXED_AUDIENCE = Quirk(
    departs_from="RFC 8707 §2",
    fact=_PROXY.says("`resource` has no effect; every token carries the server's one audience."),
    remedy=_MENU.says(
        "Security > API > Authorization Servers > Add Authorization Server, one per MCP server, with its URL as Audience."
    ),
)

_MATRIX = Matrix(
    pkce=_CUSTOM.says(Answer.YES),
    rfc8414=_DOCS.says(Answer.YES, "inserted before the path; appended to it is the older form"),
    rfc7591=_DCR.says(Answer.PARTLY, "needs an administrator's API token, and has no CORS"),
    rfc8707=_PROXY.says(Answer.NO, "one fixed audience per authorization server"),
    oidc=_DOCS.says(Answer.YES),
    cimd=UNSOURCED.suggests(Answer.NO, "nothing found; Okta's own way is Cross App Access"),
    rfc9207=_ORG.says(Answer.NO, "not in the org server's document"),
    dpop=_ORG.suggests(Answer.YES, "the org server's document lists algorithms"),
    jwt=_TOKENS.says(Answer.YES, "without typ"),
    introspection=_CUSTOM.says(Answer.YES),
    revocation=_CUSTOM.says(Answer.YES),
)
_SCREENS = Source("https://docs.truefoundry.com/docs/openid-connect-with-okta", date(2026, 11, 30))
_STATE = Source("https://github.com/nextauthjs/next-auth/issues/9625", date(2026, 11, 30))
_SERVERS = Source(
    "https://help.okta.com/en/prod/Content/Topics/Security/api-build-oauth-servers.htm",
    date(2026, 11, 30),
)
_THIN = Source("https://github.com/okta/okta-developer-docs/issues/1968", date(2026, 11, 30))
_SIGN_IN = ProviderSignIn(
    userinfo=True,
    redirect_screen=_SCREENS.says(
        "Applications > Applications > Create App Integration > OIDC - OpenID Connect > Web Application: Authorization Code and Sign-in redirect URIs"
    ),
    cost=(
        UNSOURCED.suggests(
            "Okta is licensed per user; the Integrator Free Plan is for trying it out."
        ),
        _SERVERS.suggests(
            "Custom authorization servers are part of API Access Management; okta-org signs people in without it."
        ),
    ),
    refresh=(
        UNSOURCED.suggests(
            "A refresh token needs the grant type Refresh Token in the application."
        ),
    ),
    limits=(
        UNSOURCED.suggests(
            "Groups need a claim called groups: Security > API > your server > Claims, or Sign On > Group claims."
        ),
    ),
    facts=(
        _THIN.says("ID tokens are thin: groups and profile are in userinfo alone."),
        _STATE.says("state is required. Doorward always sends it."),
    ),
)

OKTA = Preset(
    name="okta",
    title="Okta (custom authorization server)",
    issuer="https://{org}.okta.com/oauth2/{server}",
    discovery=_DOCS.says(
        (
            "https://{org}.okta.com/.well-known/oauth-authorization-server/oauth2/{server}",
            "https://{org}.okta.com/oauth2/{server}/.well-known/oauth-authorization-server",
            "https://{org}.okta.com/oauth2/{server}/.well-known/openid-configuration",
        )
    ),
    audience="The one audience that is set on the authorization server, such as api://default.",
    algorithms=("RS256",),
    profile=TokenProfile(
        name="okta",
        types=frozenset({"jwt", "at+jwt"}),
        type_may_be_absent=True,
        # sub is the login, which an administrator may reassign; uid is not reused.
        subject_claims=("uid", "sub"),
        # ID tokens have no cid: requiring it is what keeps them out.
        client_claims=("cid",),
        scope_claims=("scp",),
        role_paths=("groups",),
        name_claims=("sub",),
        required_claims=frozenset({"iat", "jti"}),
    ),
    claims=_TOKENS.says("Access tokens have no typ; scp is a list, cid the client, uid the user."),
    facts=(
        _TOKENS.says("With client credentials there is no uid, and sub is the client."),
        UNSOURCED.suggests("Groups are in groups, where the authorization server adds that claim."),
    ),
    quirks=(
        _FIXED_AUDIENCE,
        _REGISTRATION,
        Quirk(
            departs_from="RFC 9068 §2.1",
            fact=_TOKENS.says("The header has no typ, so ID tokens look alike."),
            remedy=_TOKENS.suggests("Nothing to set: this preset tells them apart by cid."),
        ),
    ),
    manual=ManualRegistration(place=_BY_HAND, redirect_uris=EXACTLY),
    matrix=_MATRIX,
    sign_in=_SIGN_IN,
)

OKTA_ORG = Preset(
    name="okta-org",
    title="Okta (org authorization server)",
    issuer="https://{org}.okta.com",
    discovery=_ORG.says(("https://{org}.okta.com/.well-known/oauth-authorization-server",)),
    audience="Okta itself: these tokens are for Okta's own APIs.",
    audience_is_resource=False,
    algorithms=("RS256",),
    profile=None,
    tokens="opaque",
    lookup=_KINDS.says("RFC 7662 at {issuer}/oauth2/v1/introspect, with client authentication."),
    introspected=TokenProfile(
        name="okta-org",
        types=frozenset(),
        type_may_be_absent=True,
        subject_claims=("uid", "sub"),
        client_required=False,
        name_claims=("username",),
        required_claims=frozenset(),
    ),
    claims=_KINDS.says("Access tokens are to be treated as opaque by everybody but Okta."),
    quirks=(
        Quirk(
            departs_from="RFC 8414 §2",
            fact=_ORG.says("The OAuth document has no jwks_uri."),
            remedy=_MENU.says(
                "Use a custom authorization server: Security > API > Authorization Servers > Add Authorization Server."
            ),
        ),
        Quirk(
            departs_from="RFC 8414 §3",
            fact=_ORG.says(
                "Orgs that do not exist answer with metadata as well: a 200 does not prove that yours does."
            ),
            remedy=UNSOURCED.suggests("Look at the Okta domain in the menu under your user name."),
        ),
        _REGISTRATION,
    ),
    manual=ManualRegistration(place=_BY_HAND, redirect_uris=EXACTLY),
    matrix=replace(
        _MATRIX,
        pkce=_ORG.says(Answer.YES),
        rfc8414=_ORG.says(Answer.YES, "without jwks_uri"),
        oidc=UNSOURCED.suggests(Answer.YES),
        rfc8707=_PROXY.says(Answer.NO),
        dpop=_ORG.says(Answer.YES),
        jwt=_KINDS.says(Answer.NO, "to be treated as opaque"),
        introspection=_ORG.says(Answer.YES),
        revocation=_ORG.says(Answer.YES),
    ),
    sign_in=_SIGN_IN,
)
