"""Asgardeo, and WSO2 Identity Server, which is the same product on your own machines."""

from dataclasses import replace
from datetime import date

from doorward.idp.facts import EXACTLY, UNSOURCED, Answer, ManualRegistration, Matrix, Quirk, Source
from doorward.idp.preset import Preset
from doorward.idp.sign_in import ProviderSignIn
from doorward.tokens import TokenProfile

_CODE = Source(
    "https://github.com/wso2-extensions/identity-inbound-auth-oauth (7.5.76)", date(2026, 11, 21)
)
_MCP = Source(
    "https://wso2.com/asgardeo/docs/guides/agentic-ai/mcp/mcp-server-authorization/",
    date(2026, 11, 22),
)
_TOKENS = Source(
    "https://wso2.com/asgardeo/docs/references/tokens/access-tokens/", date(2026, 11, 22)
)

_PROFILE = TokenProfile(
    name="asgardeo",
    types=frozenset({"at+jwt"}),
    client_claims=("client_id", "azp"),
    role_paths=("roles", "groups"),
    name_claims=("name", "username"),
    required_claims=frozenset({"iat", "jti"}),
    service_claims={"aut": "APPLICATION"},
)

_SCREENS = Source(
    "https://wso2.com/asgardeo/docs/guides/applications/register-oidc-web-app/", date(2026, 11, 30)
)
_ACCOUNT = Source(
    "https://wso2.com/asgardeo/docs/complete-guides/expressjs/register-an-application",
    date(2026, 11, 30),
)
_SIGN_IN = ProviderSignIn(
    organization_claims=("org_id",),
    redirect_screen=_SCREENS.says(
        "Applications > New Application > Traditional Web Application > OpenID Connect: Authorized redirect URLs"
    ),
    cost=(_ACCOUNT.says("An Asgardeo account to begin with is free."),),
    refresh=(
        UNSOURCED.suggests(
            "A refresh token needs the grant type Refresh Token in the application."
        ),
    ),
    limits=(
        UNSOURCED.suggests(
            "Claims come only if the application requests them: email, groups and name."
        ),
    ),
)

ASGARDEO = Preset(
    name="asgardeo",
    title="Asgardeo",
    issuer="https://api.asgardeo.io/t/{tenant}/oauth2/token",
    discovery=_CODE.says(
        (
            "https://api.asgardeo.io/.well-known/oauth-authorization-server/t/{tenant}/oauth2/token",
            "https://api.asgardeo.io/t/{tenant}/oauth2/token/.well-known/openid-configuration",
            "https://api.asgardeo.io/t/{tenant}/oauth2/token/.well-known/oauth-authorization-server",
        ),
        "the first one is in the code, and was not tried at the hosted service",
    ),
    audience="The client id, and whatever audiences are set; an MCP Server's Identifier among them.",
    algorithms=("RS256",),
    profile=_PROFILE,
    claims=_CODE.says(
        "typ is at+jwt; client_id and azp are the client; aut says who the token is for: APPLICATION, APPLICATION_USER or AGENT."
    ),
    tokens="either",
    lookup=_CODE.says("RFC 7662 at /t/{tenant}/oauth2/introspect, with client authentication."),
    facts=(
        _CODE.says("scope is a text, or a list by configuration."),
        _CODE.says("An agent that acts for a user is in act.sub; aut is a kind and no client."),
        _TOKENS.says("Access tokens are opaque or JWT, as the application's settings say."),
    ),
    quirks=(
        Quirk(
            departs_from="RFC 8414 §2",
            fact=_CODE.says("The issuer is the URL of the token endpoint."),
            remedy=_CODE.suggests("Nothing to set: write the issuer as it is, path included."),
        ),
        Quirk(
            departs_from="RFC 8707 §2",
            fact=_CODE.says("`resource` is ignored by the OAuth component."),
            remedy=_MCP.says(
                "Resources > MCP Servers > New MCP Server: Identifier is the MCP URL, which becomes aud; then authorize the application for it."
            ),
        ),
        Quirk(
            departs_from="RFC 8414 §2",
            fact=_CODE.says("scopes_supported of the OAuth document is always empty."),
            remedy=_CODE.suggests("Name the scopes in Guard: challenge_scopes, scopes_supported."),
        ),
    ),
    manual=ManualRegistration(
        place=UNSOURCED.suggests(
            "Applications > New Application > MCP Client Application; Protocol > Authorized redirect URLs, Client ID."
        ),
        redirect_uris=EXACTLY,
    ),
    matrix=Matrix(
        pkce=_CODE.says(Answer.YES),
        rfc8414=_CODE.says(Answer.YES, "both forms"),
        rfc7591=_CODE.says(Answer.YES, "what authentication it asks for was not verified"),
        rfc8707=_CODE.says(Answer.NO, "ignored; audiences are set in the console"),
        oidc=_CODE.says(Answer.YES),
        cimd=_CODE.says(Answer.NO, "not in the OAuth component"),
        rfc9207=_CODE.says(Answer.PARTLY, "only with FAPI 2"),
        dpop=_CODE.says(Answer.YES),
        jwt=_TOKENS.says(Answer.OPT_IN, "per application; else opaque"),
        introspection=_CODE.says(Answer.YES),
        revocation=_CODE.says(Answer.YES),
    ),
    sign_in=_SIGN_IN,
)

WSO2_IS = replace(
    ASGARDEO,
    name="wso2-is",
    title="WSO2 Identity Server",
    issuer="https://{host}/oauth2/token",
    discovery=_CODE.says(
        (
            "https://{host}/.well-known/oauth-authorization-server/oauth2/token",
            "https://{host}/oauth2/token/.well-known/openid-configuration",
            "https://{host}/oauth2/token/.well-known/oauth-authorization-server",
        )
    ),
    lookup=UNSOURCED.suggests("RFC 7662 at /oauth2/introspect, with client authentication."),
    profile=replace(_PROFILE, name="wso2-is"),
    sign_in=replace(
        _SIGN_IN,
        cost=(UNSOURCED.suggests("The server is open source (Apache 2.0); WSO2 sells support."),),
    ),
)
