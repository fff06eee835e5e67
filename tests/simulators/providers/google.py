"""Google."""

from tests.simulators.facts import JANE, Refusal, SimulatedProvider, oauth_error
from tests.simulators.recorded import openid_url, recorded

_ISSUER = "https://accounts.google.com"
_NOT_ALLOWED = Refusal(400, {})

GOOGLE = SimulatedProvider(
    kind="google",
    issuer=_ISSUER,
    metadata=recorded("google_2023.json"),
    documents=(openid_url(_ISSUER),),
    source=(
        "recorded: google_2023.json; int128/kubelogin#405 (offline_access); "
        "openiddict/openiddict-core#2428 (iss); developers.google.com, OAuth for web server "
        "applications (access_type, prompt, errors)"
    ),
    assumed=("resource ends on an error page, as every parameter that Google does not know",),
    unknown_scopes="error page",
    refused={
        "authorize": {"resource": _NOT_ALLOWED, "audience": _NOT_ALLOWED},
        "code": {"resource": oauth_error("invalid_request", "Parameter not allowed: resource")},
        "refresh": {"resource": oauth_error("invalid_request", "Parameter not allowed: resource")},
    },
    # Since 2026, and the recorded document does not advertise it.
    sends_iss=True,
    answer={
        "scope": (
            "openid https://www.googleapis.com/auth/userinfo.email "
            "https://www.googleapis.com/auth/userinfo.profile"
        ),
        "authuser": "0",
        "prompt": "consent",
    },
    claims={
        **JANE,
        "profile": {"name": "Jane Doe", "given_name": "Jane", "family_name": "Doe"},
        "email": {**JANE["email"], "hd": "example.com"},
    },
    at_hash=True,
    access_token="ya29.a0{n}",
    life=3599,
    refresh="same",
    refresh_needs="access_type=offline",
    dead_code=oauth_error("invalid_grant", "Malformed auth code."),
    dead_refresh_token=oauth_error("invalid_grant", "Token has been expired or revoked."),
    wrong_client=oauth_error("invalid_client", "Unauthorized", status=401),
)
