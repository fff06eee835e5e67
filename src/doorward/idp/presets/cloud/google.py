"""Google. Its access tokens are opaque and for Google's own APIs."""

from datetime import date

from doorward.idp.facts import UNSOURCED, Answer, ManualRegistration, Matrix, Quirk, Source
from doorward.idp.preset import Preset
from doorward.idp.sign_in import ProviderSignIn

_SEEN = date(2026, 11, 21)
_DOCUMENT = Source("recorded: google_2023.json", date(2023, 1, 1))
_TOKENS = Source("https://github.com/jlowin/fastmcp, server/auth/providers/google.py", _SEEN)
_INFO = Source("https://velog.io/@youngkiu/Google-APIs-user-token", date(2026, 11, 22))
_DCR = Source("https://github.com/google/mcp/issues/39", date(2026, 4, 15))
_SLASH = Source("https://github.com/github/copilot-cli/issues/4606", _SEEN)
_OFFLINE = Source("https://github.com/jlowin/fastmcp/issues/2435", _SEEN)

_LOOPBACK = Source(
    "https://developers.google.com/identity/protocols/oauth2/resources/loopback-migration",
    date(2026, 11, 30),
)
_SCREENS = Source(
    "https://github.com/jlowin/fastmcp (b14b137f), docs/integrations/google.mdx", date(2026, 11, 30)
)
_AUDIENCE = Source("https://support.google.com/cloud/answer/15549945", date(2026, 11, 30))
_TESTING = Source("https://github.com/mkpoli/gmail-mcp/releases/tag/v0.2.1", date(2026, 11, 30))
_ISS = Source("https://github.com/openiddict/openiddict-core/issues/2428", date(2026, 11, 30))
_UNKNOWN_SCOPE = Source("https://github.com/giantswarm/mcp-oauth/issues/156", date(2026, 11, 30))
_ALIASES = Source(
    "https://github.com/googleapis/google-api-python-client/pull/1088", date(2026, 11, 30)
)
_BY_HAND = UNSOURCED.suggests(
    "APIs & Services > Credentials > Create credentials > OAuth client ID: Desktop app, or Web application for Claude and other clients on the web. Both have a secret."
)

GOOGLE = Preset(
    name="google",
    title="Google",
    issuer="https://accounts.google.com",
    discovery=_DOCUMENT.says(("https://accounts.google.com/.well-known/openid-configuration",)),
    audience="Not possible for your own API: tokeninfo has the client id in aud.",
    audience_is_resource=False,
    algorithms=("RS256",),
    profile=None,
    claims=_TOKENS.says("Access tokens (ya29.…) are opaque; the published keys are of ID tokens."),
    tokens="opaque",
    lookup=_TOKENS.says(
        "https://oauth2.googleapis.com/tokeninfo: aud is the client id, scope a text. Check the client, not only that the token lives."
    ),
    own_lookup="google",
    facts=(
        _TOKENS.says("tokeninfo takes the token in the Authorization header, and needs no other."),
        _INFO.says(
            "azp is the client that it was issued to; exp and expires_in are numbers written as texts; sub is there with the scope openid alone."
        ),
        _INFO.suggests(
            "A token that is over or invented is answered 400 with error_description: Invalid Value."
        ),
        _TOKENS.says(
            "email and profile come back as https://www.googleapis.com/auth/userinfo.email and .profile."
        ),
    ),
    quirks=(
        Quirk(
            departs_from="RFC 8414 §3.3",
            fact=_SLASH.says("The issuer has no slash at the end; with one, clients refuse."),
            remedy=_SLASH.says(
                "Write it as https://accounts.google.com, never through a URL type."
            ),
        ),
        Quirk(
            departs_from="OpenID Connect Core 1.0 §11",
            fact=_OFFLINE.says(
                "offline_access is unknown: refresh tokens come with access_type=offline, and again only with prompt=consent."
            ),
            remedy=_OFFLINE.suggests(
                "Sign people in with GuardWithSignIn, which issues tokens of its own for this server."
            ),
        ),
        Quirk(
            departs_from="RFC 7591 §3",
            fact=_DCR.says("There is neither dynamic registration nor a client document."),
            remedy=_BY_HAND,
        ),
    ),
    manual=ManualRegistration(
        place=_BY_HAND,
        redirect_uris=_LOOPBACK.says("Loopback addresses are for the type Desktop app alone."),
    ),
    matrix=Matrix(
        pkce=_DOCUMENT.says(Answer.YES),
        rfc8414=UNSOURCED.suggests(Answer.NO, "nothing found"),
        rfc7591=_DCR.says(Answer.NO),
        rfc8707=UNSOURCED.suggests(Answer.NO),
        oidc=_DOCUMENT.says(Answer.YES),
        cimd=_DCR.says(Answer.NO),
        rfc9207=_ISS.says(Answer.PARTLY, "sends iss, and does not advertise it"),
        dpop=UNSOURCED.suggests(Answer.UNKNOWN),
        jwt=_TOKENS.says(Answer.NO, "opaque"),
        introspection=_TOKENS.says(Answer.NO, "tokeninfo instead"),
        revocation=_DOCUMENT.says(Answer.YES),
    ),
    sign_in=ProviderSignIn(
        # offline_access is unknown at Google, and ends on an error page.
        offline_scope=None,
        implied_scopes=_ALIASES.says(
            {
                "https://www.googleapis.com/auth/userinfo.email": ("email",),
                "https://www.googleapis.com/auth/userinfo.profile": ("profile",),
            },
            "The answer names email and profile by their URLs.",
        ),
        # Without the consent, only the very first sign-in of an account brings a refresh token: every
        # later session would end after an hour.
        authorization_parameters={"access_type": "offline", "prompt": "consent"},
        # The domain of a Workspace account. A consumer account can have any verified address, also
        # one of a company that its owner has left.
        domain_claim="hd",
        organization_claims=("hd",),
        groups_claim=None,
        redirect_screen=_SCREENS.says(
            "APIs & Services > OAuth consent screen; then Credentials > Create credentials > OAuth client ID > Web application: Authorized redirect URIs"
        ),
        cost=(
            UNSOURCED.suggests("Signing people in costs nothing."),
            _AUDIENCE.says(
                "An application with the status Testing admits at most 100 test users, whom you list."
            ),
        ),
        refresh=(
            _OFFLINE.says(
                "A refresh token comes with access_type=offline, and again only with prompt=consent. Doorward sends both."
            ),
            _TESTING.says("With the status Testing, a refresh token ends after seven days."),
        ),
        limits=(_UNKNOWN_SCOPE.says("The scope offline_access is refused with an error page."),),
        facts=(
            _ISS.says(
                "Authorization responses name the issuer since 2026, although the metadata does not say so."
            ),
            _AUDIENCE.says("The user type Internal admits members of your organization alone."),
        ),
    ),
)
