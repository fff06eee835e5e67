"""Ping Identity: PingFederate, PingOne, and PingOne Advanced Identity Cloud (ForgeRock)."""

from datetime import date

from doorward.idp.facts import EXACTLY, UNSOURCED, Answer, ManualRegistration, Matrix, Quirk, Source
from doorward.idp.preset import Preset
from doorward.idp.sign_in import ProviderSignIn
from doorward.tokens import TokenProfile

_SEEN = date(2026, 11, 21)
_NOW = date(2026, 11, 22)
_PF = "https://docs.pingidentity.com/pingfederate"
_RESOURCES = Source(
    f"{_PF}/latest/administrators_reference_guide/help_beareraccesstokenmgmtplugintasklet_atmselectionsettingsstate.html",
    _NOW,
)
_PF_DCR = Source(f"{_PF}/latest/developers_reference_guide/pf_dynamic_registra_endpoint.html", _NOW)
_PF_LOOKUP = Source(f"{_PF}/latest/developers_reference_guide/pf_introspec_endpoint.html", _NOW)
_PF_DOCS = Source(f"{_PF}/13.1/", _SEEN)
_ONE = Source("https://docs.pingidentity.com/pingone/", _SEEN)
_ONE_REDIRECTS = Source(
    "https://docs.pingidentity.com/pingone/applications/p1_wildcard_redirect_uri.html",
    date(2026, 11, 30),
)
_ONE_CLAIMS = Source(
    "https://developer.pingidentity.com/pingone-api/foundations/authentication-concepts/access-tokens-and-id-tokens/token-claims.html",
    _NOW,
)
_AIC = "https://docs.pingidentity.com/pingoneaic"
_AIC_DCR = Source(f"{_AIC}/am-oidc1/oauth2-dynamic-client-registration.html", _NOW)
_AIC_STORE = Source(f"{_AIC}/am-oauth2/token-storage.html", _NOW)
_AIC_CIMD = Source(f"{_AIC}/ (page oauth2-cimd)", date(2026, 9, 7))
_AIC_DOCUMENT = Source("recorded: ping_aic_am_openid-configuration.json", _SEEN)

PINGFEDERATE = Preset(
    name="pingfederate",
    title="PingFederate",
    issuer="https://{host}",
    discovery=_PF_DOCS.says(
        (
            "https://{host}/.well-known/oauth-authorization-server",
            "https://{host}/.well-known/oauth-authorization-server/{virtual issuer}",
            "https://{host}/{virtual issuer}/.well-known/openid-configuration",
        )
    ),
    audience="What the Access Token Management instance is told to write.",
    algorithms=("RS256", "ES256"),
    profile=TokenProfile(
        name="pingfederate",
        types=frozenset({"jwt", "at+jwt"}),
        type_may_be_absent=True,
        role_paths=("roles", "groups"),
        required_claims=frozenset(),
    ),
    claims=_PF_DOCS.suggests(
        "Names of the claims for scope and client are settings; this reads their defaults, scope and client_id."
    ),
    tokens="either",
    lookup=_PF_LOOKUP.says("RFC 7662 at /as/introspect.oauth2."),
    facts=(_PF_DOCS.says("The metadata comes from a template that an administrator may edit."),),
    quirks=(
        Quirk(
            departs_from="RFC 8707 §2",
            fact=_RESOURCES.says(
                "The authorization endpoint reads aud; `resource` is for token exchange. Both select a token manager."
            ),
            remedy=_RESOURCES.says(
                "Applications > OAuth > Access Token Management > your instance > Resource URI: add the MCP URL; make it the client's default instance."
            ),
        ),
        Quirk(
            departs_from="RFC 7591 §3",
            fact=_PF_DCR.says(
                "Registration must be turned on; an initial access token and policies are recommended."
            ),
            remedy=_PF_DCR.says("System > OAuth Settings > Client Settings."),
        ),
    ),
    manual=ManualRegistration(
        place=UNSOURCED.suggests(
            "Applications > OAuth > Clients > Add Client: Redirect URIs; Client Authentication None, or Client Secret."
        ),
        redirect_uris=UNSOURCED.suggests("Compared exactly, unless * is allowed."),
    ),
    matrix=Matrix(
        pkce=_PF_DOCS.suggests(Answer.YES, "works; whether it is advertised is in the template"),
        rfc8414=_PF_DOCS.says(Answer.YES, "inserted before the path of a virtual issuer"),
        rfc7591=_PF_DCR.says(Answer.OPT_IN, "must be turned on; initial access token recommended"),
        rfc8707=_RESOURCES.says(Answer.PARTLY, "aud at authorization; resource in token exchange"),
        oidc=_PF_DOCS.says(Answer.YES),
        cimd=UNSOURCED.suggests(Answer.NO, "nothing found"),
        rfc9207=UNSOURCED.suggests(Answer.UNKNOWN),
        dpop=UNSOURCED.suggests(Answer.UNKNOWN),
        jwt=_PF_DOCS.suggests(Answer.OPT_IN, "per Access Token Management instance"),
        introspection=_PF_LOOKUP.says(Answer.YES),
        revocation=UNSOURCED.suggests(Answer.YES),
    ),
    sign_in=ProviderSignIn(
        redirect_screen=UNSOURCED.suggests(
            "Applications > OAuth > Clients > Add Client: Client Secret, Redirect URIs, and the grant types Authorization Code and Refresh Token"
        ),
        cost=(UNSOURCED.suggests("Ping Identity sells licences; a trial is free."),),
        limits=(
            UNSOURCED.suggests("Groups need a claim called groups, which an administrator maps."),
        ),
    ),
)

PINGONE = Preset(
    name="pingone",
    title="PingOne",
    issuer="https://auth.pingone.com/{environment}/as",
    discovery=_ONE.says(
        (
            "https://auth.pingone.com/.well-known/oauth-authorization-server/{environment}/as",
            "https://auth.pingone.com/{environment}/as/.well-known/openid-configuration",
        ),
        "hosts of other regions (.eu, .ca, .asia) were not verified",
    ),
    audience="The audience that is set on the custom resource.",
    algorithms=("RS256",),
    profile=TokenProfile(
        name="pingone",
        types=frozenset({"jwt", "at+jwt"}),
        type_may_be_absent=True,
        role_paths=("roles",),
        required_claims=frozenset({"iat", "scope"}),
    ),
    claims=_ONE_CLAIMS.suggests("client_id is the client and scope a text; aud is a list."),
    facts=(
        _ONE_CLAIMS.says("typ may be absent; from 2 March 2027 it is always at+jwt."),
        _ONE.suggests("Discovery answers no browser: it has no CORS."),
    ),
    quirks=(
        Quirk(
            departs_from="RFC 8707 §2",
            fact=UNSOURCED.suggests("What `resource` does was not verified."),
            remedy=UNSOURCED.suggests(
                "Applications > Resources > Add Resource: Audience is the MCP URL; grant its scopes to the application."
            ),
        ),
    ),
    manual=ManualRegistration(
        place=UNSOURCED.suggests(
            "Applications > Applications > + > Native, or OIDC Web App for a client with a secret; Redirect URIs."
        ),
        redirect_uris=_ONE_REDIRECTS.says("Every port of a loopback address is accepted."),
    ),
    matrix=Matrix(
        pkce=_ONE.suggests(Answer.YES),
        rfc8414=_ONE.says(Answer.YES, "inserted before the path"),
        rfc7591=UNSOURCED.suggests(Answer.UNKNOWN),
        rfc8707=UNSOURCED.suggests(Answer.UNKNOWN),
        oidc=_ONE.says(Answer.YES),
        cimd=UNSOURCED.suggests(Answer.UNKNOWN),
        rfc9207=UNSOURCED.suggests(Answer.UNKNOWN),
        dpop=UNSOURCED.suggests(Answer.UNKNOWN),
        jwt=_ONE_CLAIMS.says(Answer.YES, "RS256"),
        introspection=_ONE.says(Answer.YES),
        revocation=_ONE.says(Answer.YES),
    ),
    sign_in=ProviderSignIn(
        redirect_screen=UNSOURCED.suggests(
            "Applications > Applications > + > OIDC Web App; then Configuration > Redirect URIs, and the grant type Refresh Token"
        ),
        cost=(UNSOURCED.suggests("Ping Identity sells licences; a trial is free."),),
        limits=(
            UNSOURCED.suggests("Groups need a claim called groups, which an administrator maps."),
        ),
    ),
)

PING_AIC = Preset(
    name="ping-aic",
    aliases=("forgerock", "pingam", "ping-am", "openam", "pingone-aic"),
    title="PingOne Advanced Identity Cloud, PingAM (ForgeRock)",
    issuer="https://{tenant}/am/oauth2/realms/root/realms/{realm}",
    discovery=_AIC_DOCUMENT.says(
        ("https://{tenant}/am/oauth2/realms/root/realms/{realm}/.well-known/openid-configuration",)
    ),
    audience="The client id, unless a token modification script says otherwise.",
    algorithms=("RS256", "ES256"),
    profile=TokenProfile(
        name="ping-aic",
        types=frozenset({"jwt", "at+jwt"}),
        client_claims=("client_id", "cid", "azp"),
        role_paths=("roles", "groups"),
        # ID tokens say id_token here, and have the same typ and aud.
        required_values={"tokenName": "access_token"},
        forbidden_claims=frozenset({"at_hash", "c_hash", "events"}),
    ),
    claims=UNSOURCED.suggests("tokenName is access_token; scope is a list; client_id the client."),
    tokens="either",
    lookup=_AIC_DOCUMENT.says("RFC 7662 at {issuer}/introspect, with client authentication."),
    facts=(_AIC_STORE.says("Access tokens are JWTs by default (client-side storage)."),),
    quirks=(
        Quirk(
            departs_from="RFC 8414 §3.3",
            fact=_AIC_DOCUMENT.suggests("Some deployments print the issuer with :443."),
            remedy=UNSOURCED.suggests("Write the issuer as the metadata prints it, port included."),
        ),
        Quirk(
            departs_from="RFC 7591 §3",
            fact=_AIC_DCR.says(
                "Registration must be turned on: open, with an access token, or with a software statement."
            ),
            remedy=_AIC_DCR.suggests(
                "Native Consoles > Access Management > Realms > your realm > Services > OAuth2 Provider > Client Dynamic Registration."
            ),
        ),
        Quirk(
            departs_from="RFC 9068 §2",
            fact=_AIC_STORE.says("With server-side storage access tokens are opaque."),
            remedy=_AIC_STORE.says(
                "Native Consoles > Access Management > Realms > your realm > Services > OAuth2 Provider > Use Client-Side Access & Refresh Tokens: on."
            ),
        ),
    ),
    manual=ManualRegistration(
        place=UNSOURCED.suggests(
            "Native Consoles > Access Management > Realms > your realm > Applications > OAuth 2.0 > Clients > Add Client: Redirection URIs; Client type Public or Confidential."
        ),
        redirect_uris=EXACTLY,
    ),
    matrix=Matrix(
        pkce=_AIC_DOCUMENT.says(Answer.YES),
        rfc8414=UNSOURCED.suggests(Answer.UNKNOWN),
        rfc7591=_AIC_DCR.says(Answer.OPT_IN, "open registration is one of three ways"),
        rfc8707=UNSOURCED.suggests(Answer.UNKNOWN),
        oidc=_AIC_DOCUMENT.says(Answer.YES),
        cimd=_AIC_CIMD.says(Answer.OPT_IN, "in the documentation since September 2026"),
        rfc9207=_AIC_DOCUMENT.says(Answer.NO, "not in the sample"),
        dpop=UNSOURCED.suggests(Answer.UNKNOWN),
        jwt=_AIC_STORE.says(Answer.YES, "client-side storage, the default; else opaque"),
        introspection=_AIC_DOCUMENT.says(Answer.YES),
        revocation=_AIC_DOCUMENT.says(Answer.YES),
    ),
    sign_in=ProviderSignIn(
        redirect_screen=UNSOURCED.suggests(
            "Applications > Custom Application > OIDC > Web; then Sign On > Sign-In URLs, and the scopes openid, profile and email"
        ),
        cost=(UNSOURCED.suggests("Ping Identity sells licences; a trial is free."),),
        limits=(
            UNSOURCED.suggests("Groups need a claim called groups, which an administrator maps."),
        ),
    ),
)
