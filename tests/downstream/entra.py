"""
Microsoft Entra's token endpoint, as far as its on-behalf-of flow is documented.

Requests and answers have the form of
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow (read 2026-11-22);
the error for conditional access is the documented one, word for word. What is checked is what that
page says is required; nothing here was measured against the hosted service.
"""

import json
from typing import Any

import jwt

TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
CLIENT_ID = "2846f71b-a7a4-4987-bab3-760035b2f389"
SECRET = "BYyVnAt56JpLwUcyo47XODd-not-a-real-one"
GRAPH = "https://graph.microsoft.com"
CLAIMS = {
    "access_token": {
        "polids": {"essential": True, "values": ["9ab03e19-ed42-4168-b6b7-7001fb3e933a"]}
    }
}


def _error(word: str, number: int, sentence: str, **more: str) -> tuple[int, dict[str, Any]]:
    return 400, {
        "error": word,
        "error_description": f"AADSTS{number}: {sentence}\r\nTrace ID: b72a68c3-0926-4b8e-bc35-3150069c2800"
        "\r\nCorrelation ID: 73d656cf-54b1-4eb2-b429-26d8165a52d7\r\nTimestamp: 2017-05-01 22:43:20Z",
        "error_codes": [number],
        "timestamp": "2017-05-01 22:43:20Z",
        "trace_id": "b72a68c3-0926-4b8e-bc35-3150069c2800",
        "correlation_id": "73d656cf-54b1-4eb2-b429-26d8165a52d7",
        **more,
    }


CONDITIONAL_ACCESS = _error(
    "interaction_required",
    50079,
    "Due to a configuration change made by your administrator, or because you moved to a new"
    " location, you must enroll in multi-factor authentication to access"
    " 'bf8d80f9-9098-4972-b203-500f535113b1'.",
    claims=json.dumps(CLAIMS, separators=(",", ":")),
)
NO_CONSENT = _error(
    "invalid_grant",
    65001,
    "The user or administrator has not consented to use the application.",
    suberror="consent_required",
)


class Entra:
    """
    What one tenant answers at its token endpoint.

    ``lacking`` is what stands in the way of the next request, or ``None``.
    """

    def __init__(self) -> None:
        self.lacking: tuple[int, dict[str, Any]] | None = None
        # The public half of the application's certificate, where it has one.
        self.certificate_key: Any = None
        self.endpoint = ""

    def answer(self, form: dict[str, str]) -> tuple[int, Any]:
        """Answer one token request."""
        wanted = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "client_id": CLIENT_ID,
            "requested_token_use": "on_behalf_of",
        }
        if any(form.get(name) != value for name, value in wanted.items()):
            return _error("invalid_request", 900144, "The request body is missing a parameter.")
        if "scope" not in form:
            return _error("invalid_request", 28003, "Provided value for scope cannot be empty.")
        if not self._knows(form):
            return _error("invalid_client", 7000215, "Invalid client secret provided.")
        audience = jwt.decode(form["assertion"], options={"verify_signature": False})["aud"]
        if audience != CLIENT_ID:
            return _error("invalid_grant", 500131, "Assertion audience does not match the client.")
        return self.lacking or self._granted(form["scope"])

    def _knows(self, form: dict[str, str]) -> bool:
        if self.certificate_key is None:
            return form.get("client_secret") == SECRET
        assertion = form.get("client_assertion", "")
        if "x5t#S256" not in jwt.get_unverified_header(assertion):
            return False
        jwt.decode(
            assertion,
            self.certificate_key,
            algorithms=["RS256"],
            audience=self.endpoint,
            issuer=CLIENT_ID,
            options={"verify_exp": False, "verify_iat": False},
        )
        return True

    def _granted(self, scope: str) -> tuple[int, Any]:
        claims = {"aud": GRAPH, "iss": f"https://sts.windows.net/{TENANT}/", "scp": "User.Read"}
        token = jwt.encode(claims, "a key that nobody checks, of 32 bytes and more", "HS256")
        return 200, {
            "token_type": "Bearer",
            "scope": f"{GRAPH}/{scope}",
            "expires_in": 3269,
            "ext_expires_in": 0,
            "access_token": token,
        }
