"""Findings of what is inside an access token."""

from doorward.doctor.findings.finding import Blame, Finding, Severity

_AUDIENCE_FIXES = {
    "keycloak": "Add an Audience mapper with Included Custom Audience {resource} to a client scope, and "
    "make that scope a default of the client. Keycloak does not act on resource.",
    "auth0": "Create an API with the identifier {resource}, and set it as Default Audience of the tenant.",
    "entra": "Set the Application ID URI of the API to {resource}, or let the server expect the client "
    "id of the API, which is the aud of v2 tokens.",
    "okta": "Set the audience of the custom authorization server to {resource}.",
    "cognito": "Cognito's access tokens have no aud: let the server compare client_id instead, or use a "
    "resource server with resource binding.",
}

FINDINGS = (
    Finding(
        code="token-encrypted",
        hop="token-contents",
        blame=Blame.ISSUER,
        severity=Severity.STOPS,
        title="The access token is encrypted, and the server refuses it.",
        cause="The issuer gives an encrypted token for itself when no API is named.",
        fix="Register the server as an API with the identifier {resource} at the issuer.",
        fixes={"auth0": _AUDIENCE_FIXES["auth0"]},
        seen_as=("Not enough segments", "invalid_token"),
        threads=("microsoft/vscode#274226", "modelcontextprotocol/inspector#566"),
    ),
    Finding(
        code="token-wrong-issuer",
        hop="token-contents",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="The token names another issuer, and the server refuses it: {difference}.",
        cause="The server compares iss with its setting. The issuer writes {got} into its tokens.",
        fix="Write {got} into the server's setting for the issuer, if that is the right issuer.",
        fixes={
            "entra": "Tokens of version 1 have https://sts.windows.net/<tenant>/. Set "
            "requestedAccessTokenVersion to 2 in the API's manifest.",
            "keycloak": "Set KC_HOSTNAME, so that the issuer does not follow the host of the request.",
        },
        decide="Compare with the issuer in the server's settings: if they differ, correct the setting; "
        "if not, the issuer's tokens are wrong.",
    ),
    Finding(
        code="token-wrong-audience",
        hop="token-contents",
        blame=Blame.ISSUER,
        severity=Severity.STOPS,
        title="The token is for another audience, and the server refuses it.",
        cause="The token has aud {got}; the client asked for {resource}. The issuer does not act on "
        "the resource parameter.",
        fix="Let the issuer write {resource} into aud. Do not turn off the server's check.",
        fixes=_AUDIENCE_FIXES,
        follows=("token-wrong-issuer",),
        seen_as=("invalid_token", "audience mismatch"),
        threads=("keycloak/keycloak#41526", "modelcontextprotocol/csharp-sdk#1801"),
        specs=("RFC 8707 §2.2",),
    ),
    Finding(
        code="token-unknown-key",
        hop="token-contents",
        blame=Blame.ISSUER,
        severity=Severity.STOPS,
        title="The token is signed with a key that the issuer does not publish, and the server refuses it.",
        cause="The key set has no {kid}: the key is new and the set is old, or each replica has its own.",
        fix="Publish every key that signs at jwks_uri, and give all replicas the same keys.",
        follows=("token-wrong-issuer", "given-token-expired"),
        specs=("RFC 7517 §4.5",),
    ),
    Finding(
        code="token-expired-at-birth",
        hop="token-contents",
        blame=Blame.ISSUER,
        severity=Severity.STOPS,
        title="The token is expired when it is issued.",
        cause="The clocks of the issuer and of this machine differ, or the lifetime is a few seconds.",
        fix="Set the issuer's clock, and a lifetime of some minutes at least.",
        decide="",
    ),
    Finding(
        code="token-not-valid-yet",
        hop="token-contents",
        blame=Blame.ISSUER,
        severity=Severity.STOPS,
        title="The token is not valid yet, and the server refuses it.",
        cause="The issuer's clock is ahead.",
        fix="Set the issuer's clock.",
    ),
)
