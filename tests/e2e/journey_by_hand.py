"""A client that is written by hand takes the whole way at a provider, and tries its neighbours."""

from typing import Any

import httpx2
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.e2e.every_provider import AN_HOUR, EveryProvider
from tests.e2e.form_browser import FormBrowser
from tests.e2e.sign_in import REDIRECT_URI, PendingCode, authorize, redeem, register
from tests.simulators.web import PASSWORD

# A guard reads the list of revoked grants at most this late.
SECONDS_LATE = 5.0


def journey_by_hand(server: EveryProvider, provider: str) -> dict[str, bool]:
    """Return what worked, by the columns of the table of providers behind Doorward."""
    metadata = httpx2.get(f"{server.issuer}/.well-known/oauth-authorization-server").json()
    browser = FormBrowser(
        "jane", PASSWORD, delivers=False, provider=provider, internet=server.internet
    )
    pending = authorize(server, "jane", browser=browser)
    tokens = redeem(server, pending).json()
    client = {"client_id": pending.client_id}
    columns = {
        "rfc7591": bool(pending.client_id),
        "pkce": _requires_pkce(server, metadata),
        "rfc8707": _refuses(server, resource="https://other.example/mcp") == "invalid_target",
        "rfc8414": metadata["issuer"] == server.issuer,
        "jwt": _is_for_this_server(server, metadata, tokens["access_token"]),
    }
    assert _call(server, tokens["access_token"]) == 200
    server.late += AN_HOUR
    assert _call(server, tokens["access_token"]) == 401
    asked = len(server.simulators[provider].requests)
    renewed = _post(server, "token", grant_type="refresh_token", **client, **_refresh(tokens))
    columns["refresh"] = (
        renewed.status_code == 200
        and _call(server, renewed.json()["access_token"]) == 200
        and len(server.simulators[provider].requests) > asked
    )
    columns["revocation"] = _revokes(server, pending, renewed.json())
    return columns


def _requires_pkce(server: EveryProvider, metadata: dict[str, Any]) -> bool:
    advertised = metadata["code_challenge_methods_supported"] == ["S256"]
    plain = _refuses(server, code_challenge_method="plain") == "invalid_request"
    return advertised and plain


def _refuses(server: EveryProvider, **changes: str) -> str:
    """Return the error with which an authorization request is refused at the redirect URI."""
    parameters = {
        "response_type": "code",
        "client_id": register(server.issuer, REDIRECT_URI),
        "redirect_uri": REDIRECT_URI,
        "code_challenge": "a" * 43,
        "code_challenge_method": "S256",
        "resource": server.mcp,
        **changes,
    }
    answer = httpx2.get(f"{server.issuer}/authorize", params=parameters)
    location = httpx2.URL(answer.headers.get("location", ""))
    return str(location.params.get("error", ""))


def _is_for_this_server(server: EveryProvider, metadata: dict[str, Any], token: str) -> bool:
    keys = KeySet.import_key_set(httpx2.get(metadata["jwks_uri"]).json())
    read = jwt.decode(token, keys, algorithms=["ES256", "RS256", "EdDSA"])
    expected = {"iss": server.issuer, "aud": server.mcp}
    return read.header["typ"] == "at+jwt" and expected.items() <= read.claims.items()


def _revokes(server: EveryProvider, pending: PendingCode, tokens: dict[str, Any]) -> bool:
    client = {"client_id": pending.client_id}
    answer = _post(server, "revoke", token=tokens["refresh_token"], **client)
    again = _post(server, "token", grant_type="refresh_token", **client, **_refresh(tokens))
    server.late += SECONDS_LATE
    return (
        answer.status_code == 200
        and again.json()["error"] == "invalid_grant"
        and _call(server, tokens["access_token"]) == 401
    )


def _refresh(tokens: dict[str, Any]) -> dict[str, str]:
    return {"refresh_token": tokens["refresh_token"]}


def _post(server: EveryProvider, endpoint: str, **form: str) -> httpx2.Response:
    return httpx2.post(f"{server.issuer}/{endpoint}", data=form, timeout=30)


def _call(server: EveryProvider, token: str) -> int:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2025-11-25",
    }
    return httpx2.post(server.mcp, json=message, headers=headers, timeout=30).status_code
