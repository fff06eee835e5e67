"""Descope, agentic identity hub."""

from datetime import date

from doorward.idp.facts import UNSOURCED, Answer, Matrix, Quirk, Source
from doorward.idp.preset import Preset
from doorward.idp.sign_in import ProviderSignIn
from doorward.tokens import TokenProfile

_SEEN = date(2026, 11, 21)
_DOCUMENT = Source("recorded: descope_agentic_openid-configuration_partial.json", _SEEN)
_DOCS = Source("https://docs.descope.com/agentic-identity-hub/mcp-servers", _SEEN)
_FASTMCP = Source("https://github.com/jlowin/fastmcp, server/auth/providers/descope.py", _SEEN)
_SKYBRIDGE = Source("https://docs.skybridge.tech/api-reference/descope-provider", _SEEN)
_PROXY = Source("https://github.com/agentgateway/agentgateway, mcp/auth.rs at 75b4e6ce6", _SEEN)

DESCOPE = Preset(
    name="descope",
    title="Descope",
    issuer="https://api.descope.com/v1/apps/agentic/{project}/{mcp server}",
    discovery=_FASTMCP.says(
        (
            "https://api.descope.com/v1/apps/agentic/{project}/{mcp server}/.well-known/openid-configuration",
            "https://api.descope.com/v1/apps/agentic/{project}/{mcp server}/.well-known/oauth-authorization-server",
        )
    ),
    audience="The resource that is configured; else the client's id and the project's.",
    algorithms=("RS256",),
    profile=TokenProfile(
        name="descope",
        types=frozenset({"jwt", "at+jwt"}),
        type_may_be_absent=True,
        client_claims=("client_id", "azp"),
        client_required=False,
        role_paths=("roles",),
        required_claims=frozenset({"iat", "scope"}),
    ),
    claims=UNSOURCED.suggests("scope is a text; where the client stands was not verified."),
    quirks=(
        Quirk(
            departs_from="RFC 9068 §2.2",
            fact=_SKYBRIDGE.suggests(
                "iss may be the project (https://api.descope.com/v1/apps/{project}) while the server is the agentic one."
            ),
            remedy=UNSOURCED.suggests(
                "Give Guard issuers with a TrustedIssuer for each of the two forms."
            ),
        ),
        Quirk(
            departs_from="RFC 8414 §3",
            fact=_FASTMCP.says("The OAuth document is behind the path, where clients do not look."),
            remedy=UNSOURCED.suggests("Nothing to set: clients find the OpenID document there."),
        ),
    ),
    matrix=Matrix(
        pkce=UNSOURCED.suggests(Answer.YES),
        rfc8414=_FASTMCP.says(Answer.PARTLY, "appended to the path only"),
        rfc7591=_DOCS.says(Answer.YES),
        rfc8707=_PROXY.says(Answer.YES),
        oidc=_DOCUMENT.says(Answer.YES),
        cimd=_DOCS.says(Answer.YES),
        rfc9207=UNSOURCED.suggests(Answer.UNKNOWN),
        dpop=UNSOURCED.suggests(Answer.UNKNOWN),
        jwt=_FASTMCP.says(Answer.YES),
        introspection=UNSOURCED.suggests(Answer.UNKNOWN),
        revocation=_DOCS.says(Answer.YES),
    ),
    sign_in=ProviderSignIn(
        redirect_screen=UNSOURCED.suggests(
            "Inbound Apps > + Inbound App: Client Secret and approved redirect URLs; or a Federated App with OpenID Connect"
        ),
        cost=(UNSOURCED.suggests("There is a free plan; its limits are on Descope's page."),),
    ),
)
