"""Asgardeo and WSO2 Identity Server."""

from datetime import date

from doorward.idp.preset import Fact, Preset
from doorward.tokens import TokenProfile

_SOURCE = "https://github.com/wso2-extensions/identity-inbound-auth-oauth (7.5.76)"
_SEEN = date(2026, 11, 21)

ASGARDEO = Preset(
    name="asgardeo",
    title="Asgardeo, WSO2 Identity Server",
    issuer="https://api.asgardeo.io/t/{tenant}/oauth2/token",
    audience="The client id, and whatever audiences are set on the application.",
    algorithms=("RS256",),
    profile=TokenProfile(
        name="asgardeo",
        types=frozenset({"at+jwt"}),
        client_claims=("client_id", "azp"),
        role_paths=("roles", "groups"),
        name_claims=("name", "username"),
        required_claims=frozenset({"iat", "jti"}),
        service_marks={"aut": "APPLICATION"},
    ),
    facts=(
        Fact(says="The issuer is the URL of the token endpoint.", source=_SOURCE, seen=_SEEN),
        Fact(
            says="typ is at+jwt; aut says who the token is for: APPLICATION, APPLICATION_USER or AGENT.",
            source=_SOURCE,
            seen=_SEEN,
        ),
        Fact(
            says="scope is a text, or a list by configuration; resource is ignored.",
            source=_SOURCE,
            seen=_SEEN,
        ),
    ),
)
