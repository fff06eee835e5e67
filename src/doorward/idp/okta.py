"""Okta, custom authorization servers. Tokens of the org server are for Okta's own APIs alone."""

from datetime import date

from doorward.idp.preset import Fact, Preset
from doorward.tokens import TokenProfile

_SEEN = date(2026, 11, 21)

OKTA = Preset(
    name="okta",
    title="Okta (custom authorization server)",
    issuer="https://{org}.okta.com/oauth2/{server}",
    audience="The one audience that is set on the authorization server, such as api://default.",
    algorithms=("RS256",),
    profile=TokenProfile(
        name="okta",
        types=frozenset({"jwt", "at+jwt"}),
        type_may_be_absent=True,
        # sub is the login, which an administrator may give to somebody else; uid is not reused.
        subject_claims=("uid", "sub"),
        # ID tokens have no cid: requiring it is what keeps them out.
        client_claims=("cid",),
        scope_claims=("scp",),
        role_paths=("groups",),
        name_claims=("sub",),
        required_claims=frozenset({"iat", "jti"}),
    ),
    facts=(
        Fact(
            says="Access tokens have no typ; scp is a list, cid the client, uid the user.",
            source="https://github.com/redpanda-data/redpanda, src/v/security/tests/jwt_test.cc",
            seen=_SEEN,
        ),
        Fact(
            says="With client credentials there is no uid, and sub is the client.",
            source="https://github.com/redpanda-data/redpanda, src/v/security/tests/jwt_test.cc",
            seen=_SEEN,
        ),
    ),
)
