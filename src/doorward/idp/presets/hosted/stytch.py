"""Stytch, connected apps."""

from datetime import date

from doorward.idp.facts import EXACTLY, UNSOURCED, Answer, ManualRegistration, Matrix, Quirk, Source
from doorward.idp.preset import Preset
from doorward.idp.sign_in import ProviderSignIn
from doorward.tokens import TokenProfile

_TOKEN = Source("https://stytch.com/docs/b2b/api/connected-app-access-token", date(2026, 11, 22))
_DOCS = Source("https://stytch.com/docs (connected apps)", date(2026, 11, 21))
_DOCUMENT = Source("recorded: stytch_oauth-authorization-server_partial.json", date(2026, 11, 21))

_PRICES = Source(
    "https://raw.githubusercontent.com/api-evangelist/stytch/refs/heads/main/plans/stytch-plans-pricing.yml",
    date(2026, 9, 20),
)

STYTCH = Preset(
    name="stytch",
    title="Stytch",
    issuer="https://{name}.customers.stytch.com",
    discovery=_DOCS.says(
        (
            "https://{name}.customers.stytch.com/.well-known/oauth-authorization-server",
            "https://{name}.customers.stytch.com/.well-known/openid-configuration",
        )
    ),
    audience="The project's id.",
    audience_is_resource=False,
    algorithms=("RS256",),
    profile=TokenProfile(
        name="stytch",
        types=frozenset({"jwt", "at+jwt"}),
        type_may_be_absent=True,
        required_claims=frozenset({"iat", "jti", "scope"}),
    ),
    claims=_TOKEN.says("client_id is the client, scope a text; typ was not verified."),
    facts=(_TOKEN.says("Tokens from the old domain have the issuer stytch.com/{project}."),),
    quirks=(
        Quirk(
            departs_from="RFC 6749 §3.1",
            fact=_DOCS.suggests("The authorization endpoint is a page of the customer's own site."),
            remedy=UNSOURCED.suggests("Connected Apps > Settings: Authorization URL."),
        ),
        Quirk(
            departs_from="RFC 8707 §2",
            fact=_TOKEN.says("aud is the project, whatever the client asked for."),
            remedy=UNSOURCED.suggests("One project for each MCP server keeps their tokens apart."),
        ),
    ),
    manual=ManualRegistration(
        place=UNSOURCED.suggests(
            "Connected Apps > Create: Third Party Public, or Third Party Confidential for a client with a secret; Redirect URLs."
        ),
        redirect_uris=EXACTLY,
    ),
    matrix=Matrix(
        pkce=UNSOURCED.suggests(Answer.YES),
        rfc8414=_DOCS.says(Answer.YES),
        rfc7591=_DOCUMENT.says(Answer.OPT_IN),
        rfc8707=UNSOURCED.suggests(Answer.UNKNOWN),
        oidc=_DOCS.says(Answer.YES),
        cimd=_DOCS.says(Answer.YES),
        rfc9207=UNSOURCED.suggests(Answer.UNKNOWN),
        dpop=UNSOURCED.suggests(Answer.UNKNOWN),
        jwt=_TOKEN.says(Answer.YES),
        introspection=UNSOURCED.suggests(Answer.UNKNOWN),
        revocation=UNSOURCED.suggests(Answer.UNKNOWN),
    ),
    sign_in=ProviderSignIn(
        groups_claim=None,
        redirect_screen=UNSOURCED.suggests(
            "Connected Apps > Create > Third Party Confidential: Redirect URLs"
        ),
        cost=(_PRICES.says("Free for 10,000 monthly active users and AI agents."),),
        limits=(
            _DOCS.suggests("You must build the authorization page yourself, on your own site."),
        ),
    ),
)
