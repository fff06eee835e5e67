"""Microsoft Entra ID. The API's own setting, not the endpoint, chooses the token's version."""

from dataclasses import replace
from datetime import date

from doorward.idp.facts import UNSOURCED, Answer, ManualRegistration, Matrix, Quirk, Source
from doorward.idp.preset import Preset
from doorward.idp.sign_in import ProviderSignIn
from doorward.tokens import TokenProfile

_SEEN = date(2026, 11, 21)
_CLAIMS = Source(
    "https://github.com/MicrosoftDocs/entra-docs (003f1aad), access-token-claims-reference.md",
    _SEEN,
)
_DOCUMENT = Source("recorded: entra_v2_2023.json", date(2023, 1, 1))
_NO_PKCE = Source("https://github.com/anthropics/claude-ai-mcp/issues/786", date(2026, 8, 1))
_SURVEY = Source("https://zuplo.com/learn/mcp/compatibility/identity-providers", date(2026, 7, 24))
_RESOURCE = Source("https://github.com/anthropics/claude-code/issues/73460", _SEEN)
_SLASH = Source("https://github.com/anthropics/claude-code/issues/52871", _SEEN)
_CIMD = Source(
    "https://learn.microsoft.com/en-us/entra/agent-id/client-id-metadata-documents",
    date(2026, 11, 22),
)
_STEPS = Source(
    "https://github.com/MicrosoftDocs/azure-docs, container-apps/mcp-authentication.md",
    date(2026, 11, 22),
)

_SUBJECT = _CLAIMS.says("sub differs per application; oid is the user within the tenant of iss.")
_SERVICE = _CLAIMS.suggests(
    "A token without scp is an application's own; idtyp says app where the API asks for that optional claim."
)
_SCOPES = _CLAIMS.says(
    "scp is a text with short names, in tokens of users alone; roles is a list; groups over 200 are left out."
)
_PROXY = "Sign people in with GuardWithSignIn, which issues tokens of its own for this server."
_REPLY_URL = Source(
    "https://learn.microsoft.com/en-us/entra/identity-platform/reply-url", date(2026, 11, 30)
)
_BY_HAND = UNSOURCED.suggests(
    "App registrations > New registration; Authentication > Add a platform > Mobile and desktop applications, or Web for a client with a secret; give its Application (client) ID to the client."
)

_MANUAL = ManualRegistration(
    place=_BY_HAND,
    redirect_uris=_REPLY_URL.suggests(
        "The port of http://localhost is ignored. http://127.0.0.1 is entered in the manifest only."
    ),
)
_QUIRKS = (
    Quirk(
        departs_from="RFC 8414 §2; MCP 2026-07-28 authorization, PKCE",
        fact=_NO_PKCE.says(
            "PKCE works and code_challenge_methods_supported is absent, so strict clients refuse."
        ),
        remedy=UNSOURCED.suggests(f"There is no setting. {_PROXY}"),
    ),
    Quirk(
        departs_from="RFC 8414 §3",
        fact=_SURVEY.says("There is no OAuth document, only the OpenID one behind the path."),
        remedy=UNSOURCED.suggests("Nothing to set: clients find it as the third address."),
    ),
    Quirk(
        departs_from="RFC 8707 §2",
        fact=_RESOURCE.says(
            "`resource` must be the same resource as the scopes, or the answer is AADSTS9010010 invalid_target."
        ),
        remedy=_STEPS.suggests(
            "App registrations > your API > Expose an API > Application ID URI: the MCP URL without a trailing slash (its domain must be verified); scopes are then {MCP URL}/{scope}."
        ),
    ),
    Quirk(
        departs_from="RFC 3986 §6",
        fact=_SLASH.says("A client that adds a slash to `resource` names another resource."),
        remedy=UNSOURCED.suggests("Give the MCP server an address with a path, such as /mcp."),
    ),
    Quirk(
        departs_from="RFC 7591 §3",
        fact=_SURVEY.says("There is no dynamic registration."),
        remedy=_BY_HAND,
    ),
)

_MATRIX = Matrix(
    pkce=_NO_PKCE.says(Answer.PARTLY, "works, and the metadata does not say so"),
    rfc8414=_SURVEY.says(Answer.NO),
    rfc7591=_SURVEY.says(Answer.NO),
    rfc8707=_RESOURCE.says(Answer.PARTLY, "refused unless it is the resource of the scopes"),
    oidc=_DOCUMENT.says(Answer.YES),
    cimd=_CIMD.says(Answer.EXPERIMENTAL, "public preview"),
    rfc9207=UNSOURCED.suggests(Answer.UNKNOWN),
    dpop=UNSOURCED.suggests(Answer.UNKNOWN),
    jwt=_CLAIMS.says(Answer.YES),
    introspection=_DOCUMENT.says(Answer.NO),
    revocation=_DOCUMENT.says(Answer.NO),
)
_REFRESH = Source(
    "https://github.com/modelcontextprotocol/typescript-sdk/issues/2718", date(2026, 11, 30)
)
_EMAIL = Source(
    "https://github.com/MicrosoftDocs/entra-docs, id-token-claims-reference.md", date(2026, 11, 30)
)
_OPTIONAL = Source(
    "https://github.com/MicrosoftDocs/entra-docs (03376f16), docs/identity-platform/optional-claims-reference.md",
    date(2026, 11, 30),
)
_RESOURCE_AT_REFRESH = Source(
    "https://github.com/modelcontextprotocol/csharp-sdk/issues/1587", date(2026, 11, 30)
)
_SCREENS = Source(
    "https://github.com/MicrosoftDocs/entra-docs (0354b946), docs/identity-platform/quickstart-register-app.md",
    date(2026, 11, 30),
)
_PRICES = Source(
    "https://raw.githubusercontent.com/api-evangelist/microsoft-entra/refs/heads/main/plans/microsoft-entra-plans-pricing.yml",
    date(2026, 9, 20),
)
_SIGN_IN = ProviderSignIn(
    # Anybody can write any address into the directory of a tenant. The optional claim says that the
    # tenant owns the address's domain.
    email_verified_claim="xms_edov",
    organization_claims=("tid",),
    refresh_with_scope=True,
    extensions=("entra-groups",),
    redirect_screen=_SCREENS.says(
        "App registrations > New registration; then Authentication > Add a platform > Web: Redirect URI; and Certificates & secrets > New client secret"
    ),
    cost=(
        UNSOURCED.suggests(
            "Registering an application is part of every tenant, the free one included."
        ),
        _PRICES.says("Entra ID P1 costs $7 per user and month."),
    ),
    refresh=(
        UNSOURCED.suggests("An access token lives for about an hour, a refresh token for 90 days."),
        _SCREENS.says("A client secret ends after at most 24 months."),
    ),
    limits=(
        _EMAIL.says(
            "No address counts as verified without the optional claims email and xms_edov (Token configuration > Add optional claim > ID)."
        ),
        UNSOURCED.suggests(
            "Groups need Token configuration > Add groups claim, and above 200 groups the permission GroupMember.Read.All."
        ),
    ),
    facts=(
        _REFRESH.says("A refresh without scope is refused with AADSTS90009."),
        _RESOURCE_AT_REFRESH.says("`resource` at a refresh is refused with AADSTS9010010."),
        _EMAIL.says("email_verified is never sent; tid is the tenant of the account."),
        _OPTIONAL.says(
            "The optional claim xms_edov is true if the owner of the address's domain has been verified. It needs the claim email."
        ),
        _EMAIL.says("With more than 200 groups, groups is replaced by a reference to Graph."),
        UNSOURCED.suggests("ID tokens of the token endpoint have no at_hash."),
    ),
)

ENTRA_V2 = Preset(
    name="entra",
    aliases=("azure", "azure-ad", "aad", "microsoft"),
    title="Microsoft Entra ID (requestedAccessTokenVersion 2)",
    issuer="https://login.microsoftonline.com/{tenant id}/v2.0",
    discovery=_DOCUMENT.says(
        ("https://login.microsoftonline.com/{tenant id}/v2.0/.well-known/openid-configuration",)
    ),
    audience="The API's client id, a GUID.",
    audience_is_resource=False,
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
        service_claims={"idtyp": "app"},
        # idtyp is there only where the API asks for it.
        person_claims=frozenset({"scp"}),
    ),
    claims=_CLAIMS.says(
        "aud is always the client id; azp is the client; scp a text; oid the user."
    ),
    facts=(_SUBJECT, _SCOPES, _SERVICE),
    quirks=_QUIRKS,
    manual=_MANUAL,
    matrix=_MATRIX,
    sign_in=_SIGN_IN,
)

ENTRA_V1 = Preset(
    name="entra-v1",
    title="Microsoft Entra ID (requestedAccessTokenVersion 1 or unset)",
    issuer="https://sts.windows.net/{tenant id}/",
    discovery=_CLAIMS.suggests(
        ("https://login.microsoftonline.com/{tenant id}/.well-known/openid-configuration",)
    ),
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
        service_claims={"idtyp": "app"},
        # idtyp is there only where the API asks for it.
        person_claims=frozenset({"scp"}),
    ),
    claims=_CLAIMS.says("appid is the client; scp a text; oid the user; aud is either form."),
    facts=(_SUBJECT, _SCOPES, _SERVICE),
    quirks=(
        *_QUIRKS,
        Quirk(
            departs_from="RFC 8414 §3.3",
            fact=_CLAIMS.says(
                "The issuer is sts.windows.net with a slash, also for who signed in at a v2 endpoint: the API's setting decides."
            ),
            remedy=_CLAIMS.suggests(
                "App registrations > your API > Manifest: requestedAccessTokenVersion: 2, and use the preset entra."
            ),
        ),
    ),
    manual=_MANUAL,
    matrix=_MATRIX,
    sign_in=_SIGN_IN,
)

ENTRA_MULTITENANT = replace(
    ENTRA_V2,
    name="entra-multitenant",
    aliases=(),
    title="Microsoft Entra ID, several tenants",
    issuer="https://login.microsoftonline.com/{tenant id}/v2.0, once for each tenant",
    discovery=UNSOURCED.suggests(
        ("https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration",)
    ),
    profile=replace(ENTRA_V2.profile, name="entra-multitenant") if ENTRA_V2.profile else None,
    quirks=(
        *_QUIRKS,
        Quirk(
            departs_from="RFC 8414 §3.3",
            fact=UNSOURCED.suggests(
                "The metadata of common and organizations names the issuer with a literal {tenantid}, which no token has."
            ),
            remedy=UNSOURCED.suggests(
                "Give Guard issuers with one TrustedIssuer for each tenant id that you admit; you then decide who may sign in."
            ),
        ),
    ),
)
