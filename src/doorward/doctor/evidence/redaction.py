"""Removes secrets from what is recorded, before it is recorded."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from doorward.wire.safe_text import visible_line

HIDDEN = "(hidden)"
LONGEST_EXCERPT = 300

_SECRET_NAMES = frozenset(
    {
        "access_token", "refresh_token", "id_token", "client_secret", "registration_access_token",
        "device_code", "user_code", "code", "code_verifier", "assertion", "client_assertion",
        "subject_token", "actor_token", "token", "state", "nonce", "password", "request_uri",
        "verification_uri_complete", "session_state", "api_key", "apikey", "key", "sig",
        "signature", "secret", "ticket", "session", "sid",
    }
)  # fmt: skip
_TOKENS = re.compile(
    r"eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)*"  # a JWT or a part of one
    # Not a parameter of a challenge, as in `Bearer resource_metadata="…"`.
    r"|(?i:\b(?:bearer|dpop|basic)\s+)[A-Za-z0-9._~+/-]{8,}+(?!=[^=\s,])=*"
    r"|\bdw_[A-Za-z0-9_-]{8,}"
    r"|\b(?:gh[opsu]_|sk-|xox[abp]-|ya29\.)[A-Za-z0-9._-]{8,}"
)
_PAIRS = re.compile(
    r"(?i)([\"']?\b(?:" + "|".join(sorted(_SECRET_NAMES - {"key", "sid", "code", "state", "session", "token", "ticket"}))
    + r")\b[\"']?\s*[=:]\s*[\"']?)([^\s\"'&,;}]{4,})"
)  # fmt: skip
# Shown with their value. Of all other headers, the report shows only the name.
_SHOWN_HEADERS = frozenset(
    {
        "accept", "access-control-allow-credentials", "access-control-allow-headers",
        "access-control-allow-methods", "access-control-allow-origin",
        "access-control-expose-headers", "access-control-max-age",
        "access-control-request-headers", "access-control-request-method", "allow",
        "cache-control", "cf-mitigated", "content-encoding", "content-length", "content-type",
        "mcp-method", "mcp-protocol-version", "origin", "retry-after", "server", "transfer-encoding",
        "user-agent", "vary", "via", "www-authenticate", "x-powered-by", "x-accel-buffering",
        "x-frame-options",
    }
)  # fmt: skip


class Redactor:
    """
    Replaces secrets in text: those it was told about, and those it recognises.

    ``hide`` tells it a token or code that the doctor was given, received or created.
    """

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def hide(self, *secrets: str | None) -> None:
        """Remember ``secrets``; no later text contains them."""
        for secret in secrets:
            # A shorter value would also be cut out of unrelated words.
            if secret and len(secret) >= 6:
                self._secrets |= {secret, quote(secret, safe="")}

    def learn(self, document: Mapping[str, Any]) -> None:
        """Hide the tokens and secrets in a received ``document``, wherever they come again."""
        for name, value in document.items():
            if isinstance(value, str) and name.lower().endswith(("_token", "_secret", "_code")):
                self.hide(value)

    def text(self, text: str, limit: int | None = LONGEST_EXCERPT) -> str:
        """Return ``text`` in one visible line, without secrets."""
        return visible_line(self.clean(text), limit)

    def clean(self, text: str) -> str:
        """Return ``text`` without secrets; line breaks stay."""
        # Longest first: a secret can begin with another one.
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return _PAIRS.sub(r"\1" + HIDDEN, _TOKENS.sub(HIDDEN, text))

    def url(self, url: str) -> str:
        """Return ``url`` without credentials and fragment, and without values of secret parameters."""
        try:
            parts = urlsplit(url)
            pairs = parse_qsl(parts.query, keep_blank_values=True)
        except ValueError:
            return self.text(url)
        shown = [
            (name, HIDDEN if name.lower() in _SECRET_NAMES else value) for name, value in pairs
        ]
        host = parts.netloc.rpartition("@")[2]
        query = urlencode(shown, safe="()/:")
        return self.text(urlunsplit((parts.scheme, host, parts.path, query, "")), 500)

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return ``headers`` in lower case; values only of those that carry no secret."""
        return {name.lower(): self._header(name.lower(), value) for name, value in headers.items()}

    def _header(self, name: str, value: str) -> str:
        if name in ("location", "content-location"):
            return self.url(value)
        return self.text(value, 1000) if name in _SHOWN_HEADERS else HIDDEN

    def document(self, value: Any, *, deepest: int = 12) -> Any:
        """Return a JSON value without secrets: members with the name of one are hidden."""
        if deepest == 0:
            return "…"
        if isinstance(value, Mapping):
            return {
                self.text(str(name), 200): HIDDEN
                if str(name).lower() in _SECRET_NAMES and isinstance(member, str)
                else self.document(member, deepest=deepest - 1)
                for name, member in list(value.items())[:500]
            }
        if isinstance(value, list):
            return [self.document(one, deepest=deepest - 1) for one in value[:500]]
        return self._plain(value) if isinstance(value, str) else value

    def _plain(self, value: str) -> str:
        # Byte for byte where nothing is secret: rules compare issuers and resources.
        return self.clean(value)[:4096]
