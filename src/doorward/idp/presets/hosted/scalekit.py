"""Scalekit: one authorization server for each resource."""

from datetime import date

from doorward.idp.facts import EXACTLY, UNSOURCED, Answer, ManualRegistration, Matrix, Quirk, Source
from doorward.idp.preset import Preset
from doorward.idp.sign_in import ProviderSignIn
from doorward.tokens import TokenProfile

_SEEN = date(2026, 11, 21)
_DOCS = Source("https://github.com/scalekit-inc/developer-docs (96ada4a75)", _SEEN)
_FASTMCP = Source("https://github.com/jlowin/fastmcp, server/auth/providers/scalekit.py", _SEEN)

_COST = Source(
    "https://raw.githubusercontent.com/api-evangelist/scalekit/refs/heads/main/finops/scalekit-finops.yml",
    date(2026, 6, 20),
)

SCALEKIT = Preset(
    name="scalekit",
    title="Scalekit",
    issuer="https://{environment}.scalekit.com/resources/{resource}",
    discovery=_DOCS.says(
        (
            "https://{environment}.scalekit.com/.well-known/oauth-authorization-server/resources/{resource}",
            "https://{environment}.scalekit.com/resources/{resource}/.well-known/oauth-authorization-server",
        )
    ),
    audience="The MCP URL, or the resource's id (res_…).",
    algorithms=("RS256",),
    profile=TokenProfile(
        name="scalekit",
        types=frozenset({"jwt", "at+jwt"}),
        type_may_be_absent=True,
        # People have one text, machines a list under another name.
        scope_claims=("scope", "scopes"),
        required_claims=frozenset({"iat", "jti"}),
    ),
    claims=_DOCS.suggests(
        "client_id is the client, scopes a list for machines, oid the organization."
    ),
    quirks=(
        Quirk(
            departs_from="RFC 9068 §2.2",
            fact=_FASTMCP.says("iss is the environment's URL or the resource's."),
            remedy=UNSOURCED.suggests(
                "Give Guard issuers with a TrustedIssuer for each of the two forms."
            ),
        ),
        Quirk(
            departs_from="RFC 7591 §3",
            fact=_DOCS.says(
                "Dynamic registration and client documents are switches of the resource."
            ),
            remedy=_DOCS.suggests(
                "MCP Servers > your server > Settings: Dynamic client registration, Client ID metadata document."
            ),
        ),
    ),
    manual=ManualRegistration(
        place=UNSOURCED.suggests(
            "MCP Servers > your server > Clients: add a client with its redirect URIs."
        ),
        redirect_uris=EXACTLY,
    ),
    matrix=Matrix(
        pkce=UNSOURCED.suggests(Answer.YES),
        rfc8414=_DOCS.says(Answer.YES, "both forms"),
        rfc7591=_DOCS.says(Answer.OPT_IN, "a switch of the resource"),
        rfc8707=_DOCS.says(Answer.YES, "the server is the resource's own"),
        oidc=_DOCS.says(Answer.NO, "not for a resource's server"),
        cimd=_DOCS.says(Answer.OPT_IN, "a switch of the resource"),
        rfc9207=UNSOURCED.suggests(Answer.UNKNOWN),
        dpop=UNSOURCED.suggests(Answer.UNKNOWN),
        jwt=_DOCS.says(Answer.YES),
        introspection=UNSOURCED.suggests(Answer.UNKNOWN),
        revocation=_DOCS.says(Answer.YES, "with client authentication"),
    ),
    sign_in=ProviderSignIn(
        organization_claims=("oid",),
        redirect_screen=UNSOURCED.suggests(
            "Applications > your web application: Client Secret; then Authentication > Redirects"
        ),
        cost=(
            _COST.says(
                "Above free allowances, each active user, organization and connection costs. Development environments cost nothing."
            ),
        ),
    ),
)
