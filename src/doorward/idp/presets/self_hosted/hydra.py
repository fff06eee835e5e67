"""Ory Hydra."""

from datetime import date

from doorward.idp.facts import UNSOURCED, Answer, ManualRegistration, Matrix, Quirk, Source
from doorward.idp.preset import Preset
from doorward.idp.sign_in import ProviderSignIn
from doorward.tokens import TokenProfile

_CODE = Source("https://github.com/ory/hydra (at 83127c575)", date(2026, 11, 21))
_DOCUMENT = Source("recorded: ory_hydra.json", date(2026, 7, 24))
_MEASURED = Source(
    "measured: Ory Hydra 2.3.0, built from github.com/ory/hydra/v2", date(2026, 11, 22)
)
_LOOPBACK = Source("https://github.com/sourcegraph/fosite/pull/1", date(2026, 11, 30))

HYDRA = Preset(
    name="hydra",
    aliases=("ory", "ory-hydra"),
    title="Ory Hydra",
    issuer="https://{host}",
    discovery=_CODE.says(
        (
            "https://{host}/.well-known/oauth-authorization-server",
            "https://{host}/.well-known/openid-configuration",
        )
    ),
    audience="What the client asked for with audience and may have; an empty list otherwise.",
    algorithms=("RS256", "ES256"),
    profile=TokenProfile(
        name="hydra",
        types=frozenset({"jwt"}),
        scope_claims=("scp", "scope"),
        role_paths=(),
        # ID tokens have neither client_id nor scp.
        required_claims=frozenset({"iat", "jti"}),
    ),
    claims=_CODE.says("typ is JWT; scp is a list, client_id the client, aud always a list."),
    tokens="either",
    lookup=_CODE.says("RFC 7662 on the admin API: POST /admin/oauth2/introspect."),
    quirks=(
        Quirk(
            departs_from="RFC 8707 §2",
            fact=_CODE.says("`resource` is not read; `audience` is, when the client may have it."),
            remedy=UNSOURCED.suggests(
                "Put the MCP URL into the client's audience, and grant it in your consent app: grant_access_token_audience."
            ),
        ),
        Quirk(
            departs_from="RFC 9068 §2",
            fact=_CODE.says("Access tokens are opaque by default."),
            remedy=_MEASURED.says("hydra.yml: strategies.access_token: jwt."),
        ),
        Quirk(
            departs_from="RFC 7591 §3",
            fact=_MEASURED.says(
                "Registration is off by default; turned on, it works at /oauth2/register and no document says so."
            ),
            remedy=_MEASURED.says(
                "hydra.yml: oidc.dynamic_client_registration.enabled: true, and webfinger.oidc_discovery.client_registration_url: the issuer with /oauth2/register behind it."
            ),
        ),
    ),
    manual=ManualRegistration(
        place=UNSOURCED.suggests(
            "hydra create oauth2-client --grant-type authorization_code,refresh_token --token-endpoint-auth-method none --redirect-uri URI --endpoint ADMIN_URL"
        ),
        redirect_uris=_LOOPBACK.says(
            "The port of http://127.0.0.1 is ignored; that of http://localhost is not."
        ),
    ),
    matrix=Matrix(
        pkce=_MEASURED.says(Answer.YES),
        rfc8414=_CODE.says(Answer.YES, "not yet in 2.3.0, which answers 404"),
        rfc7591=_CODE.says(Answer.OPT_IN, "off by default"),
        rfc8707=_CODE.says(Answer.NO, "audience instead"),
        oidc=_MEASURED.says(Answer.YES),
        cimd=_CODE.says(Answer.NO),
        rfc9207=_CODE.says(Answer.NO),
        dpop=_CODE.says(Answer.NO),
        jwt=_CODE.says(Answer.OPT_IN, "opaque by default"),
        introspection=_CODE.says(Answer.PARTLY, "on the admin API"),
        revocation=_MEASURED.says(Answer.YES),
    ),
    sign_in=ProviderSignIn(
        redirect_screen=UNSOURCED.suggests(
            "hydra create oauth2-client --grant-type authorization_code,refresh_token --response-type code --scope openid,profile,email,offline_access --redirect-uri URL"
        ),
        cost=(
            UNSOURCED.suggests(
                "Hydra is open source (Apache 2.0); Ory Network is the hosted form."
            ),
        ),
        limits=(
            UNSOURCED.suggests(
                "Your own login and consent application decides about all claims: email, email_verified, groups and name."
            ),
        ),
    ),
)
