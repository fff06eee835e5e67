"""What the load generator asks an authorization server, and which answers are right."""

import json
import re
import secrets
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

from benchmarks.issuers.seed import (
    CALLBACK,
    RESOURCE,
    RESOURCE_SERVER,
    RESOURCE_SERVER_SECRET,
    SCOPE,
)
from doorward.wire.oauth import pkce

_HOST = "localhost:9000"
_FORM = "application/x-www-form-urlencoded"


def post(path: str, fields: dict[str, str], **headers: str) -> bytes:
    """Return the bytes of a form."""
    body = urlencode(fields).encode()
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {_HOST}",
        f"Content-Type: {_FORM}",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def get(path: str, **headers: str) -> bytes:
    """Return the bytes of a request without a body."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {_HOST}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


class Codes:
    """Redeems one code after the other, and keeps the tokens."""

    def __init__(self, client_id: str, codes: Iterator[tuple[str, str]]) -> None:
        self._client_id, self._codes = client_id, codes
        self.tokens: list[dict[str, str]] = []

    def next_request(self) -> bytes | None:
        found = next(self._codes, None)
        return None if found is None else post("/token", code_fields(self._client_id, *found))

    def is_right(self, status: int, _headers: dict[str, str], body: bytes) -> bool:
        if status != 200:
            return False
        answer = json.loads(body)
        self.tokens.append(answer)
        return answer["access_token"].count(".") == 2 and len(answer["refresh_token"]) > 20


def code_fields(client_id: str, code: str, verifier: str) -> dict[str, str]:
    """Return the fields of a request that redeems a code."""
    return {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": client_id,
        "redirect_uri": CALLBACK,
        "code_verifier": verifier,
        "resource": RESOURCE,
    }


class Refreshes:
    """Refreshes each of some tokens in turn, always the newest of its grant."""

    def __init__(self, client_id: str, tokens: list[str], count: int) -> None:
        self._client_id, self.tokens, self._left = client_id, tokens, count
        self.access: list[str] = []

    def next_request(self) -> bytes | None:
        if not self._left:
            return None
        self._left -= 1
        fields = {
            "grant_type": "refresh_token",
            "refresh_token": self.tokens[0],
            "client_id": self._client_id,
        }
        return post("/token", fields)

    def is_right(self, status: int, _headers: dict[str, str], body: bytes) -> bool:
        if status != 200:
            return False
        answer = json.loads(body)
        before = self.tokens.pop(0)
        self.tokens.append(answer["refresh_token"])
        self.access.append(answer["access_token"])
        return bool(answer["access_token"].count(".") == 2 and answer["refresh_token"] != before)


class Repeated:
    """One request again and again; the answer must have ``status`` and hold ``expected``."""

    def __init__(self, request: bytes, expected: bytes, count: int) -> None:
        self._request, self._expected, self._left = request, expected, count

    def next_request(self) -> bytes | None:
        self._left -= 1
        return None if self._left < 0 else self._request

    def is_right(self, status: int, _headers: dict[str, str], body: bytes) -> bool:
        return status == 200 and self._expected in body


class Introspections:
    """Asks about one access token after the other; all of them are active."""

    def __init__(self, tokens: Iterator[str]) -> None:
        self._tokens = tokens
        pair = f"{RESOURCE_SERVER}:{RESOURCE_SERVER_SECRET}".encode()
        self._authorization = "Basic " + b64encode(pair).decode()

    def next_request(self) -> bytes | None:
        token = next(self._tokens, None)
        if token is None:
            return None
        return post("/introspect", {"token": token}, Authorization=self._authorization)

    def is_right(self, status: int, _headers: dict[str, str], body: bytes) -> bool:
        return status == 200 and json.loads(body)["active"] is True


class Revocations:
    """Revokes one refresh token after the other, each with its grant."""

    def __init__(self, client_id: str, tokens: Iterator[str]) -> None:
        self._client_id, self._tokens = client_id, tokens

    def next_request(self) -> bytes | None:
        token = next(self._tokens, None)
        if token is None:
            return None
        return post("/revoke", {"token": token, "client_id": self._client_id})

    def is_right(self, status: int, _headers: dict[str, str], _body: bytes) -> bool:
        return status == 200


class SignIns:
    """Whole sign-ins in a browser with a session: authorize, allow, and redeem the code."""

    def __init__(self, client_id: str, cookies: str, count: int) -> None:
        self._client_id, self._cookies, self._left = client_id, cookies, count
        self._binding = self._verifier = ""
        self._next: bytes | None = None
        self._step = 0

    def next_request(self) -> bytes | None:
        if self._step == 0:
            if not self._left:
                return None
            self._left -= 1
            self._verifier = secrets.token_urlsafe(32)
            path = _authorize(self._client_id, pkce.challenge_of(self._verifier))
            self._next = get(path, Cookie=self._cookies + self._binding)
        return self._next

    def is_right(self, status: int, headers: dict[str, str], body: bytes) -> bool:
        if self._step == 0:
            return self._page(status, headers, body)
        if self._step == 1:
            return self._code(status, headers)
        self._step = 0
        return status == 200 and b"access_token" in body

    def _page(self, status: int, headers: dict[str, str], body: bytes) -> bool:
        if status != 200:
            return False
        if "set-cookie" in headers:
            self._binding = "; " + headers["set-cookie"].partition(";")[0]
        form = re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', body.decode())
        fields = {**dict(form), "decision": "allow"}
        self._next = post("/consent", fields, Cookie=self._cookies + self._binding)
        self._step = 1
        return "transaction" in fields

    def _code(self, status: int, headers: dict[str, str]) -> bool:
        found = parse_qs(urlsplit(headers.get("location", "")).query)
        if status != 303 or "code" not in found:
            self._step = 0
            return False
        self._next = post("/token", code_fields(self._client_id, found["code"][0], self._verifier))
        self._step = 2
        return True


def _authorize(client_id: str, challenge: str) -> str:
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": CALLBACK,
        "state": "s" * 22,
        "scope": SCOPE,
        "resource": RESOURCE,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return "/authorize?" + urlencode(query)
