"""Microsoft Entra ID. The API's own setting, not the endpoint, chooses the token's version."""

from datetime import date

from doorward.idp.preset import Fact, Preset
from doorward.tokens import TokenProfile

_CLAIMS = "https://github.com/MicrosoftDocs/entra-docs (003f1aad), access-token-claims-reference.md"
_SEEN = date(2026, 11, 21)

_SUBJECT = Fact(
    says="sub differs per application; oid is the user within the tenant that iss names.",
    source=_CLAIMS,
    seen=_SEEN,
)
_SCOPES = Fact(
    says="scp is a text with short names, in tokens of users alone; roles is a list.",
    source=_CLAIMS,
    seen=_SEEN,
)

ENTRA_V2 = Preset(
    name="entra",
    title="Microsoft Entra ID (requestedAccessTokenVersion 2)",
    issuer="https://login.microsoftonline.com/{tenant id}/v2.0",
    audience="The API's client id, a GUID.",
    algorithms=("RS256",),
    profile=TokenProfile(
        name="entra",
        types=frozenset({"jwt"}),
        subject_claims=("oid",),
        # An API that is its own client gets ID tokens with the same aud; they have no azp.
        client_claims=("azp",),
        scope_claims=("scp",),
        role_paths=("roles",),
        name_claims=("name", "preferred_username"),
        token_id_claims=("uti",),
        required_values={"ver": "2.0"},
        service_marks={"idtyp": "app"},
    ),
    facts=(
        _SUBJECT,
        _SCOPES,
        Fact(says="aud is always the client id; azp is the client.", source=_CLAIMS, seen=_SEEN),
    ),
)

ENTRA_V1 = Preset(
    name="entra-v1",
    title="Microsoft Entra ID (requestedAccessTokenVersion 1 or unset)",
    issuer="https://sts.windows.net/{tenant id}/",
    audience="The API's App ID URI or its client id.",
    algorithms=("RS256",),
    profile=TokenProfile(
        name="entra-v1",
        types=frozenset({"jwt"}),
        subject_claims=("oid",),
        client_claims=("appid",),
        scope_claims=("scp",),
        role_paths=("roles",),
        name_claims=("name", "unique_name", "upn"),
        token_id_claims=("uti",),
        required_values={"ver": "1.0"},
        service_marks={"idtyp": "app"},
    ),
    facts=(
        _SUBJECT,
        _SCOPES,
        Fact(
            says="The issuer is sts.windows.net with a slash, also from a v2 endpoint; appid is the client.",
            source=_CLAIMS,
            seen=_SEEN,
        ),
    ),
)
