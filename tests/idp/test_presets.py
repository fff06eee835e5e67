"""Each provider's access tokens are accepted, and its other tokens are refused."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from doorward.errors import TokenRejected, WrongAudience
from doorward.idp import PRESETS, Preset
from doorward.tokens import LocalKeys, TrustedIssuer, Verifier
from tests.ledger import proves
from tests.tokens.signer import NOW, Signer

CLOCK = {"iat": int(NOW) - 5, "exp": int(NOW) + 3600}
MCP = "https://mcp.example/mcp"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A token as its provider writes it, and who it must be read as."""

    preset: str
    issuer: str
    audience: str
    typ: str | None
    claims: dict[str, Any]
    subject: str
    client: str
    scopes: set[str] = field(default_factory=set)
    roles: set[str] = field(default_factory=set)
    kind: str = "person"
    name: str | None = None
    label: str = "person"


KC = "https://login.example/realms/mcp"
OK = "https://dev-1.okta.com/oauth2/default"
A0 = "https://tenant.eu.auth0.com/"
TID = "72f988bf-86f1-41af-91ab-2d7cd011db47"
E2, E1 = f"https://login.microsoftonline.com/{TID}/v2.0", f"https://sts.windows.net/{TID}/"
AS = "https://api.asgardeo.io/t/acme/oauth2/token"
CO = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ab12"
UUID, GUID = "2f3c9a1e-7f5e-4c57-9c5e-111111111111", "6e74172b-be56-4843-9ff4-e66a39bb12e3"

SAMPLES = [
    Sample(
        preset="rfc9068", issuer="https://issuer.example", audience=MCP, typ="at+jwt",
        claims={"sub": "u1", "aud": [MCP], "client_id": "c1", "jti": "j", "scope": "a b", "roles": ["admin"]},
        subject="u1", client="c1", scopes={"a", "b"}, roles={"admin"},
    ),
    Sample(
        preset="keycloak", issuer=KC, audience=MCP, typ="JWT",
        claims={
            "typ": "Bearer", "jti": "onrtac:1", "aud": [MCP, "account"], "sub": UUID, "azp": "inspector",
            "sid": "s", "acr": "1", "realm_access": {"roles": ["admin", "offline_access"]},
            "resource_access": {"account": {"roles": ["manage-account"]}},
            "scope": "email profile mcp:read", "preferred_username": "alice",
        },
        subject=UUID, client="inspector", scopes={"email", "profile", "mcp:read"},
        roles={"admin", "offline_access"}, name="alice",
    ),
    Sample(
        preset="keycloak", issuer=KC, audience=MCP, typ="at+jwt", label="service",
        claims={
            "typ": "Bearer", "jti": "trrtcc:1", "aud": MCP, "sub": UUID, "azp": "robot", "client_id": "robot",
            "scope": "mcp:read", "preferred_username": "service-account-robot",
        },
        subject=UUID, client="robot", scopes={"mcp:read"}, kind="service", name="service-account-robot",
    ),
    Sample(
        preset="okta", issuer=OK, audience="api://default", typ=None,
        claims={
            "ver": 1, "jti": "AT.x", "aud": "api://default", "cid": "0oa1", "uid": "00u1",
            "scp": ["openid", "mcp:read"], "sub": "user@example.com", "auth_time": 1,
        },
        subject="00u1", client="0oa1", scopes={"openid", "mcp:read"}, name="user@example.com",
    ),
    Sample(
        preset="okta", issuer=OK, audience="api://default", typ=None, label="service",
        claims={"ver": 1, "jti": "AT.y", "aud": "api://default", "cid": "0oa1", "scp": ["mcp:read"], "sub": "0oa1"},
        subject="0oa1", client="0oa1", scopes={"mcp:read"}, kind="service", name="0oa1",
    ),
    Sample(
        preset="auth0", issuer=A0, audience=MCP, typ="JWT",
        claims={
            "sub": "auth0|1", "aud": [MCP, f"{A0}userinfo"], "azp": "c1", "scope": "openid mcp:read",
            "permissions": ["mcp:admin"],
        },
        subject="auth0|1", client="c1", scopes={"openid", "mcp:read"}, roles={"mcp:admin"},
    ),
    Sample(
        preset="auth0", issuer=A0, audience=MCP, typ="at+jwt", label="service",
        claims={
            "sub": "c1@clients", "aud": MCP, "client_id": "c1", "jti": "j", "scope": "mcp:read",
            "gty": "client-credentials",
        },
        subject="c1@clients", client="c1", scopes={"mcp:read"}, kind="service",
    ),
    Sample(
        preset="entra", issuer=E2, audience=GUID, typ="JWT",
        claims={
            "aud": GUID, "azp": "app-1", "azpacr": "0", "name": "Alice", "oid": UUID, "sub": "pairwise",
            "preferred_username": "alice@example.com", "scp": "mcp.read mcp.tools", "roles": ["Admin"],
            "tid": TID, "uti": "u", "ver": "2.0", "nbf": int(NOW) - 5,
        },
        subject=UUID, client="app-1", scopes={"mcp.read", "mcp.tools"}, roles={"Admin"}, name="Alice",
    ),
    Sample(
        preset="entra", issuer=E2, audience=GUID, typ="JWT", label="service without idtyp",
        claims={
            "aud": GUID, "azp": "app-1", "azpacr": "1", "oid": UUID, "sub": UUID, "roles": ["Do.It"],
            "tid": TID, "uti": "u", "ver": "2.0", "nbf": int(NOW) - 5,
        },
        subject=UUID, client="app-1", roles={"Do.It"}, kind="service",
    ),
    Sample(
        preset="auth0", issuer=A0, audience=MCP, typ="at+jwt", label="service without gty",
        claims={
            "sub": "c1@clients", "aud": MCP, "client_id": "c1", "jti": "j", "scope": "mcp:read",
        },
        subject="c1@clients", client="c1", scopes={"mcp:read"}, kind="service",
    ),
    Sample(
        preset="entra-v1", issuer=E1, audience="api://mcp", typ="JWT", label="service",
        claims={
            "aud": "api://mcp", "appid": "app-1", "appidacr": "1", "oid": UUID, "sub": UUID, "roles": ["Do.It"],
            "tid": TID, "uti": "u", "ver": "1.0", "idtyp": "app", "nbf": int(NOW) - 5,
        },
        subject=UUID, client="app-1", roles={"Do.It"}, kind="service",
    ),
    Sample(
        preset="asgardeo", issuer=AS, audience="client-1", typ="at+jwt",
        claims={
            "sub": UUID, "aut": "APPLICATION_USER", "azp": "client-1", "client_id": "client-1", "aud": ["client-1"],
            "scope": "mcp:read openid", "jti": "j", "nbf": int(NOW) - 5, "org_name": "acme",
        },
        subject=UUID, client="client-1", scopes={"mcp:read", "openid"},
    ),
    Sample(
        preset="cognito", issuer=CO, audience="app1", typ=None,
        claims={
            "sub": UUID, "client_id": "app1", "token_use": "access", "scope": "mcp/read openid", "version": 2,
            "cognito:groups": ["admins"], "username": "alice", "jti": "j", "origin_jti": "o", "auth_time": 1,
        },
        subject=UUID, client="app1", scopes={"mcp/read", "openid"}, roles={"admins"}, name="alice",
    ),
    Sample(
        preset="entra-multitenant", issuer=E2, audience=GUID, typ="JWT",
        claims={
            "aud": GUID, "azp": "app-1", "oid": UUID, "sub": "pairwise", "scp": "mcp.read", "tid": TID,
            "uti": "u", "ver": "2.0",
        },
        subject=UUID, client="app-1", scopes={"mcp.read"},
    ),
    Sample(
        preset="wso2-is", issuer="https://is.example:9443/oauth2/token", audience=MCP, typ="at+jwt", label="service",
        claims={
            "sub": "client-1", "aut": "APPLICATION", "client_id": "client-1", "aud": ["client-1", MCP],
            "scope": ["mcp:read"], "jti": "j",
        },
        subject="client-1", client="client-1", scopes={"mcp:read"}, kind="service",
    ),
    Sample(
        preset="pingfederate", issuer="https://sso.example", audience=MCP, typ=None,
        claims={"sub": "joe", "aud": MCP, "client_id": "c1", "scope": "mcp:read"},
        subject="joe", client="c1", scopes={"mcp:read"},
    ),
    Sample(
        preset="pingone", issuer="https://auth.pingone.com/e1/as", audience=MCP, typ=None,
        claims={"sub": UUID, "aud": [MCP], "client_id": "c1", "scope": "mcp:read", "jti": "j", "sid": "s"},
        subject=UUID, client="c1", scopes={"mcp:read"},
    ),
    Sample(
        preset="ping-aic", issuer="https://t.example/am/oauth2/realms/root/realms/alpha", audience="c1", typ="JWT",
        claims={
            "sub": UUID, "subname": UUID, "aud": "c1", "client_id": "c1", "tokenName": "access_token",
            "token_type": "Bearer", "scope": ["mcp:read"], "jti": "j", "realm": "/alpha", "nonce": "n",
        },
        subject=UUID, client="c1", scopes={"mcp:read"},
    ),
    Sample(
        preset="workos", issuer="https://x.authkit.app", audience=MCP, typ=None,
        claims={"sub": "user_1", "aud": MCP, "client_id": "c1", "scope": "openid", "jti": "j", "org_id": "o", "sid": "s"},
        subject="user_1", client="c1", scopes={"openid"},
    ),
    Sample(
        preset="descope", issuer="https://api.descope.com/v1/apps/agentic/P1/MS1", audience=MCP, typ="JWT",
        claims={"sub": "U1", "aud": [MCP], "azp": "c1", "scope": "mcp:read"},
        subject="U1", client="c1", scopes={"mcp:read"},
    ),
    Sample(
        preset="scalekit", issuer="https://e.scalekit.com", audience=MCP, typ=None,
        claims={"sub": "m2m_1", "aud": [MCP], "client_id": "m2m_1", "scopes": ["mcp:read"], "jti": "tkn_1", "oid": "org_1"},
        subject="m2m_1", client="m2m_1", scopes={"mcp:read"}, kind="service", label="service",
    ),
    Sample(
        preset="stytch", issuer="https://x.customers.stytch.com", audience="PROJECT_ID", typ="JWT",
        claims={"sub": "user-1", "aud": ["PROJECT_ID"], "client_id": "c1", "scope": "openid email", "jti": "j"},
        subject="user-1", client="c1", scopes={"openid", "email"},
    ),
    Sample(
        preset="logto", issuer="https://id.example/oidc", audience=MCP, typ="at+jwt",
        claims={"sub": "u1", "aud": MCP, "client_id": "c1", "scope": "mcp:read", "jti": "j"},
        subject="u1", client="c1", scopes={"mcp:read"},
    ),
    Sample(
        preset="zitadel", issuer="https://x.zitadel.cloud", audience="proj1", typ="JWT",
        claims={
            "sub": "1", "aud": ["c1@mcp", "proj1"], "client_id": "c1@mcp", "jti": "j",
            "urn:zitadel:iam:org:project:roles": {"admin": {"org1": "acme"}},
        },
        subject="1", client="c1@mcp",
    ),
    Sample(
        preset="authentik", issuer="https://id.example/application/o/mcp/", audience="c1", typ="JWT",
        claims={"sub": "hash", "aud": "c1", "azp": "c1", "scope": "mcp:read", "groups": ["admins"]},
        subject="hash", client="c1", scopes={"mcp:read"}, roles={"admins"},
    ),
    Sample(
        preset="hydra", issuer="https://hydra.example", audience=MCP, typ="JWT",
        claims={"sub": "u1", "aud": [MCP], "client_id": "c1", "scp": ["mcp:read"], "jti": "j", "ext": {}},
        subject="u1", client="c1", scopes={"mcp:read"},
    ),
    Sample(
        preset="supabase", issuer="https://ref.supabase.co/auth/v1", audience="authenticated", typ="JWT",
        claims={
            "sub": UUID, "aud": "authenticated", "role": "authenticated", "email": "user@example.com", "phone": "",
            "app_metadata": {"provider": "email"}, "aal": "aal1", "session_id": "s", "client_id": GUID,
        },
        subject=UUID, client=GUID, name="user@example.com",
    ),
    Sample(
        preset="clerk", issuer="https://clerk.example.com", audience="c1", typ="at+jwt",
        claims={"sub": "user_1", "client_id": "c1", "scope": "openid email", "jti": "j", "nbf": int(NOW) - 5},
        subject="user_1", client="c1", scopes={"openid", "email"},
    ),
    Sample(
        preset="oci", issuer="https://identity.oraclecloud.com/", audience="https://mcp.example/", typ="JWT",
        claims={
            "sub": "alice@example.com", "user_id": "0a1b", "user_displayname": "Alice", "aud": ["https://mcp.example/"],
            "client_id": "c1", "scope": "mcp:read", "tok_type": "AT", "sub_type": "user", "jti": "j",
        },
        subject="0a1b", client="c1", scopes={"mcp:read"}, name="Alice",
    ),
    Sample(
        preset="oci", issuer="https://identity.oraclecloud.com/", audience="https://mcp.example/", typ="JWT", label="service",
        claims={
            "sub": "c1", "aud": ["https://mcp.example/"], "client_id": "c1", "scope": "mcp:read", "tok_type": "AT",
            "sub_type": "client", "jti": "j",
        },
        subject="c1", client="c1", scopes={"mcp:read"}, kind="service", name="c1",
    ),
    Sample(
        preset="azure-b2c", issuer=f"https://acme.b2clogin.com/tfp/{TID}/b2c_1_sign_in/v2.0/", audience=GUID, typ="JWT",
        claims={
            "aud": GUID, "azp": "app-1", "sub": UUID, "tfp": "b2c_1_sign_in", "scp": "mcp.read", "ver": "1.0",
            "nbf": int(NOW) - 5,
        },
        subject=UUID, client="app-1", scopes={"mcp.read"},
    ),
]  # fmt: skip


def preset_of(sample: Sample) -> Preset:
    return next(preset for preset in PRESETS if preset.name == sample.preset)


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer("RS256")


def judge(sample: Sample, signer: Signer, audience: str | None = None) -> Verifier:
    preset = preset_of(sample)
    assert preset.profile is not None
    trusted = TrustedIssuer(
        issuer=sample.issuer,
        audience=audience or sample.audience,
        algorithms=preset.algorithms,
        profile=preset.profile,
        keys=LocalKeys(lambda: {"keys": [signer.jwk]}, clock=lambda: NOW),
    )
    return Verifier([trusted], clock=lambda: NOW)


def token(sample: Sample, signer: Signer, **changes: Any) -> bytes:
    full = {"iss": sample.issuer, **CLOCK, **sample.claims, **changes}
    kept = {name: value for name, value in full.items() if value is not ...}
    return signer.token(kept, signer.header(typ=sample.typ))


each = pytest.mark.parametrize("sample", SAMPLES, ids=lambda one: f"{one.preset}-{one.label}")


@each
@proves("S128", "accepts", "typ must be at+jwt")
async def test_a_token_is_read_as_its_provider_means_it(sample: Sample, signer: Signer) -> None:
    identity = await judge(sample, signer).verify(token(sample, signer))

    assert identity.key == (sample.issuer, sample.subject)
    assert identity.client_id == sample.client
    assert identity.scopes == sample.scopes
    assert identity.roles == sample.roles
    assert identity.kind == sample.kind
    assert identity.name == sample.name


@each
@proves("S130", "refuses", "audience is this resource")
async def test_a_token_for_another_audience_is_refused(sample: Sample, signer: Signer) -> None:
    with pytest.raises(WrongAudience):
        await judge(sample, signer, sample.audience + "x").verify(token(sample, signer))


NOT_ACCESS: dict[str, dict[str, Any]] = {
    "rfc9068": {"nonce": "n"},
    "keycloak": {"typ": "ID"},
    "okta": {"cid": ..., "uid": ..., "scp": ..., "at_hash": "h"},
    "auth0": {"azp": ..., "client_id": ..., "scope": ..., "nonce": "n"},
    "entra": {"azp": ..., "scp": ...},
    "entra-v1": {"appid": ..., "scp": ...},
    "asgardeo": {"at_hash": "h"},
    "cognito": {"token_use": "id", "aud": "app1"},
    "entra-multitenant": {"azp": ..., "scp": ...},
    "wso2-is": {"at_hash": "h"},
    "pingfederate": {"client_id": ..., "scope": ...},
    "pingone": {"client_id": ..., "scope": ...},
    "ping-aic": {"tokenName": "id_token"},
    "workos": {"client_id": ..., "scope": ...},
    "descope": {"scope": ...},
    "scalekit": {"client_id": ..., "scopes": ...},
    "stytch": {"client_id": ..., "scope": ...},
    "logto": {"at_hash": "h"},
    "zitadel": {"at_hash": "h"},
    "authentik": {"scope": ...},
    "hydra": {"client_id": ..., "scp": ...},
    "supabase": {"client_id": ..., "nonce": "n"},
    "clerk": {"client_id": ..., "scope": ..., "nonce": "n"},
    "oci": {"tok_type": "IT"},
    "azure-b2c": {"azp": ..., "scp": ..., "nonce": "n"},
}


@each
@proves("S128", "refuses", "typ must be at+jwt")
async def test_an_id_token_of_the_same_provider_is_refused(sample: Sample, signer: Signer) -> None:
    with pytest.raises(TokenRejected) as refusal:
        await judge(sample, signer).verify(token(sample, signer, **NOT_ACCESS[sample.preset]))

    assert refusal.value.code in ("wrong-type", "missing-claim")


@each
@proves("S128", "refuses", "typ must be at+jwt")
@pytest.mark.parametrize("typ", ["logout+jwt", "dpop+jwt", "oauth-id-jag+jwt", "secevent+jwt"])
async def test_other_kinds_of_token_are_refused_whatever_the_provider(
    sample: Sample, signer: Signer, typ: str
) -> None:
    full = {"iss": sample.issuer, **CLOCK, **sample.claims}
    with pytest.raises(TokenRejected) as refusal:
        await judge(sample, signer).verify(signer.token(full, signer.header(typ=typ)))

    assert refusal.value.code == "wrong-type"


@each
async def test_a_token_without_its_time_or_its_user_is_refused(
    sample: Sample, signer: Signer
) -> None:
    profile = preset_of(sample).profile
    assert profile is not None
    for missing in ("exp", *(profile.required_claims & {"iat"}), *profile.subject_claims):
        gone = dict.fromkeys(profile.subject_claims, ...)
        changes: dict[str, Any] = {missing: ...} if missing in ("exp", "iat") else gone
        with pytest.raises(TokenRejected):
            await judge(sample, signer).verify(token(sample, signer, **changes))


def test_every_preset_has_a_name_of_its_own_and_a_sample_where_it_reads_tokens() -> None:
    names = [preset.name for preset in PRESETS]
    readable = {preset.name: preset.profile for preset in PRESETS if preset.profile is not None}
    assert len(set(names)) == len(names)
    assert {sample.preset for sample in SAMPLES} == set(readable)
    assert [profile.name for profile in readable.values()] == list(readable)
