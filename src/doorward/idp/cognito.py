"""Amazon Cognito user pools."""

from datetime import date

from doorward.idp.preset import Fact, Preset
from doorward.tokens import TokenProfile

_SOURCE = "https://github.com/jlowin/fastmcp, server/auth/providers/aws.py"
_SEEN = date(2026, 11, 21)

COGNITO = Preset(
    name="cognito",
    title="Amazon Cognito",
    issuer="https://cognito-idp.{region}.amazonaws.com/{pool}",
    audience="None. Name the ids of the app clients whose tokens are accepted instead.",
    algorithms=("RS256",),
    profile=TokenProfile(
        name="cognito",
        types=frozenset({"jwt"}),
        type_may_be_absent=True,
        audience_claim="client_id",
        role_paths=("cognito:groups",),
        name_claims=("username",),
        required_claims=frozenset({"iat", "jti"}),
        required_values={"token_use": "access"},
    ),
    facts=(
        Fact(
            says="Access tokens have no aud; client_id is the app client and token_use is access.",
            source=_SOURCE,
            seen=_SEEN,
        ),
        Fact(
            says="scope is a text of resource-server/scope names; groups are in cognito:groups.",
            source=_SOURCE,
            seen=_SEEN,
        ),
    ),
)
