"""GitHub's OAuth apps and GitHub Apps. Access tokens are opaque."""

from datetime import date

from doorward.idp.facts import UNSOURCED, Answer, ManualRegistration, Matrix, Quirk, Source
from doorward.idp.preset import Preset
from doorward.idp.sign_in import ProviderSignIn, SignInEndpoints
from doorward.tokens import TokenProfile

_DOCUMENT = Source("recorded: github_oauth.json", date(2026, 2, 10))
_DCR = Source("https://github.com/github/github-mcp-server/issues/2532", date(2026, 11, 21))
_COPY = Source(
    "https://github.com/octokit/routes (29.3.0), check-a-token.html: GitHub's page as it was kept",
    date(2026, 11, 22),
)

_SCREENS = Source(
    "https://github.com/github/docs (08f06f22), content/apps/oauth-apps/building-oauth-apps/creating-an-oauth-app.md",
    date(2026, 11, 30),
)
_SCOPES = Source(
    "https://docs.github.com/en/enterprise-server@3.2/apps/building-oauth-apps/understanding-scopes-for-oauth-apps",
    date(2026, 11, 30),
)
_ISS = Source("https://github.com/openiddict/openiddict-core/pull/2529", date(2026, 11, 30))
_LOOPBACK = Source("https://github.com/github/docs/pull/16981", date(2026, 11, 30))
_BY_HAND = UNSOURCED.suggests(
    "Settings > Developer settings > OAuth Apps > New OAuth App, one per client: it has one callback URL and a secret. Give its Client ID to the client."
)

GITHUB = Preset(
    name="github",
    title="GitHub",
    issuer="https://github.com/login/oauth",
    discovery=_DOCUMENT.says(
        ("https://github.com/.well-known/oauth-authorization-server/login/oauth",)
    ),
    audience="None: a token is for GitHub's own API, and for the application that got it.",
    audience_is_resource=False,
    algorithms=("RS256",),
    profile=None,
    claims=_DOCUMENT.suggests("Access tokens (gho_…, ghu_…) are opaque, and there are no keys."),
    tokens="opaque",
    lookup=_COPY.says(
        "POST https://api.github.com/applications/{client id}/token tells whether it is this client's; GET /user and X-OAuth-Scopes tell only that it lives."
    ),
    own_lookup="github",
    introspected=TokenProfile(
        name="github",
        types=frozenset(),
        type_may_be_absent=True,
        name_claims=("preferred_username",),
        required_claims=frozenset(),
        service_claims={"user_type": "Bot"},
    ),
    facts=(
        _COPY.says(
            "The check wants HTTP Basic with the app's client id and secret, and answers 404 of every token that is not this app's."
        ),
        _COPY.says(
            "scopes is a list; user.id is a number that stays, user.login a name that may not."
        ),
        _COPY.suggests("expires_at is null for OAuth apps, whose tokens do not end."),
    ),
    quirks=(
        Quirk(
            departs_from="RFC 7591 §3",
            fact=_DCR.says("There is no dynamic registration."),
            remedy=_BY_HAND,
        ),
        Quirk(
            departs_from="RFC 9068",
            fact=_DOCUMENT.says(
                "The metadata names no jwks_uri, so no token can be verified by key."
            ),
            remedy=UNSOURCED.suggests(
                "Sign people in with GuardWithSignIn, which issues tokens of its own for this server."
            ),
        ),
    ),
    manual=ManualRegistration(
        place=_BY_HAND,
        redirect_uris=_LOOPBACK.says(
            "The port of a localhost address need not be the registered one."
        ),
    ),
    matrix=Matrix(
        pkce=_DOCUMENT.says(Answer.YES, "a report of March 2026 did not see it advertised"),
        rfc8414=_DOCUMENT.says(Answer.YES, "inserted before the path"),
        rfc7591=_DCR.says(Answer.NO),
        rfc8707=UNSOURCED.suggests(Answer.UNKNOWN, "presumably ignored"),
        oidc=UNSOURCED.suggests(Answer.NO),
        cimd=_DCR.says(Answer.NO),
        rfc9207=_ISS.says(Answer.PARTLY, "sends iss, and does not advertise it"),
        dpop=UNSOURCED.suggests(Answer.UNKNOWN),
        jwt=UNSOURCED.suggests(Answer.NO, "opaque"),
        introspection=UNSOURCED.suggests(Answer.NO),
        revocation=UNSOURCED.suggests(Answer.PARTLY, "by GitHub's own API"),
    ),
    sign_in=ProviderSignIn(
        endpoints=SignInEndpoints(
            authorization="https://github.com/login/oauth/authorize",
            token="https://github.com/login/oauth/access_token",  # noqa: S106
            userinfo="https://api.github.com/user",
        ),
        scopes=("read:user", "user:email"),
        offline_scope=None,
        implied_scopes=_SCOPES.says(
            {
                "user": ("read:user", "user:email", "user:follow"),
                "repo": ("repo:status", "repo_deployment", "public_repo", "repo:invite"),
                "admin:org": ("write:org", "read:org"),
                "write:org": ("read:org",),
            },
            "Normalized scopes: the answer leaves out what another scope in it includes.",
        ),
        membership_scopes=("read:org",),
        client_auth_method="client_secret_post",
        subject_claim="id",
        name_claims=("name", "login"),
        username_claims=("login",),
        # The extension reads the addresses and says which one GitHub has verified.
        email_verified="true",
        organization_claims=("organizations",),
        extensions=("github-emails", "github-organizations"),
        redirect_screen=_SCREENS.says(
            "Settings > Developer settings > OAuth Apps > New OAuth App: Authorization callback URL; then Generate a new client secret"
        ),
        cost=(UNSOURCED.suggests("An OAuth app costs nothing."),),
        refresh=(
            _COPY.suggests("The token of an OAuth app does not end, so nothing is refreshed."),
            UNSOURCED.suggests(
                "The token of a GitHub App ends after eight hours by default, and each refresh token works once."
            ),
        ),
        limits=(
            _SCREENS.says("An OAuth app has one callback URL, a GitHub App several."),
            UNSOURCED.suggests(
                "An organization can restrict OAuth apps. Its members are then admitted after an owner approves the app."
            ),
        ),
        facts=(
            _ISS.says("Authorization responses name the issuer https://github.com/login/oauth."),
            UNSOURCED.suggests("Errors of the token endpoint come with status 200."),
            UNSOURCED.suggests("A team is named acme/mcp: the organization, and the team's slug."),
        ),
    ),
)
