"""Where operators register an application at a provider, and enter its redirect URI."""

from doorward import idp
from doorward.idp.facts import UNSOURCED, Fact

# For a confidential web application. The presets' own remedies are about public MCP clients.
_SCREENS: dict[str, Fact[str]] = {
    "auth0": UNSOURCED.suggests(
        "Applications > Create Application > Regular Web Application; Allowed Callback URLs"
    ),
    "authentik": UNSOURCED.suggests(
        "Applications > Providers > Create > OAuth2/OpenID Provider, client type Confidential; Redirect URIs"
    ),
    "cognito": UNSOURCED.suggests(
        "User pool > App clients > Create app client > Traditional web application; Allowed callback URLs"
    ),
    "entra": UNSOURCED.suggests(
        "App registrations > New registration; Redirect URI, platform Web; then Certificates & secrets"
    ),
    "github": UNSOURCED.suggests(
        "Settings > Developer settings > OAuth Apps > New OAuth App; Authorization callback URL"
    ),
    "google": UNSOURCED.suggests(
        "APIs & Services > Credentials > Create credentials > OAuth client ID > Web application;"
        " Authorized redirect URIs"
    ),
    "keycloak": UNSOURCED.suggests(
        "Clients > Create client, Client authentication on, Standard flow; Valid redirect URIs"
    ),
    "logto": UNSOURCED.suggests(
        "Applications > Create application > Traditional web; Redirect URIs"
    ),
    "okta": UNSOURCED.suggests(
        "Applications > Create App Integration > OIDC > Web Application; Sign-in redirect URIs"
    ),
    "zitadel": UNSOURCED.suggests("Projects > your project > New application > Web; Redirect URIs"),
}
_ANYWHERE = UNSOURCED.suggests(
    "Register a confidential web application, and enter its redirect URI"
)


def screen_of(kind: str | None) -> Fact[str]:
    """Return where an operator enters the redirect URI at a provider of this kind."""
    preset = None if kind is None else idp.find(kind)
    if preset is None:
        return _ANYWHERE
    named = preset.sign_in.redirect_screen if preset.sign_in is not None else None
    return named or _SCREENS.get(preset.name, _ANYWHERE)
