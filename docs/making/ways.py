"""
The ways through the code that the page on architecture draws: who calls what, in order.

Each call names a function or class that the called module defines; a test holds the page to that.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from docs.making.drawing import WIDTH, box, dot, drawing, lines_of, text

EDGE, BOX = 4, 56


class Call(NamedTuple):
    """One call: ``caller`` and ``callee`` are modules under ``src/doorward``, without ``.py``."""

    caller: str
    callee: str
    name: str
    note: str = ""


_GUARD, _PIPELINE = "guard/middleware", "guard/pipeline"
_VERIFIER = "tokens/jwt/verifier"
_AUTHORIZE, _CONSENT = "authserver/authorize/endpoint", "authserver/authorize/consent"
_SERVER, _TOOLS = "mcp_server/server", "mcp_server/features/tools"

WAYS: Mapping[str, Sequence[Call]] = {
    "request": (
        Call(_GUARD, _PIPELINE, "authenticate", "Who is calling? Nothing of the body is read yet."),
        Call(_PIPELINE, _VERIFIER, "verify"),
        Call(
            _GUARD, _PIPELINE, "authorize", "May they do this? The operation comes from the body."
        ),
        Call(_PIPELINE, "policy/decide", "decide"),
        Call(_GUARD, _PIPELINE, "refuse", "If not: one place makes the HTTP response."),
        Call(_GUARD, _PIPELINE, "record", "If so: the application runs, and one event is written."),
    ),
    "token": (
        Call(_VERIFIER, "jose/compact", "split_jws", "A token has exactly one reading."),
        Call(_VERIFIER, "tokens/jwt/key_source", "key", "The issuer named in it has pinned keys."),
        Call(_VERIFIER, "jose/public_key", "verify", "The signature comes before every claim."),
        Call(
            _VERIFIER, "tokens/jwt/checks", "admit", "A tuple of checks; its order is the policy."
        ),
        Call(
            _VERIFIER,
            "tokens/jwt/identity_from_claims",
            "read_identity",
            "The provider's profile says which claims are scopes and roles.",
        ),
        Call(_VERIFIER, "tokens/cache", "put", "Cached under its SHA-256 until it expires."),
    ),
    "sign-in": (
        Call(
            _AUTHORIZE,
            "authserver/authorize/checks",
            "validated_redirect_uri",
            "Where may an answer go?",
        ),
        Call(_AUTHORIZE, "authserver/authorize/checks", "read_request"),
        Call(_AUTHORIZE, "authserver/grants/transactions", "create", "Tied to this browser."),
        Call(
            "authserver/endpoints/browser/sign_in",
            "authserver/endpoints/browser/password_attempts",
            "user_with_password",
        ),
        Call(
            "authserver/endpoints/browser/password_attempts",
            "authserver/users/users",
            "authenticate",
        ),
        Call(
            "authserver/endpoints/browser/sign_in",
            "authserver/authorize/sign_in",
            "complete_sign_in",
        ),
        Call(
            "authserver/endpoints/browser/consent",
            _CONSENT,
            "complete_authorization",
            "The user allowed it.",
        ),
        Call(_CONSENT, "authserver/grants/transactions", "claim", "One statement: used once."),
        Call(_CONSENT, "authserver/grants/codes", "issue_code"),
    ),
    "tool": (
        Call(_SERVER, _TOOLS, "read_tool", "At start-up, from the decorator."),
        Call(_TOOLS, "mcp_server/functions/signature", "read_signature"),
        Call(_SERVER, "mcp_server/registry/registry", "add"),
        Call("mcp_server/catalog", _TOOLS, "call_tool", "At a request."),
        Call(_TOOLS, "mcp_server/registry/registry", "find"),
        Call(_TOOLS, "mcp_server/functions/invocation", "run"),
    ),
}


def draw_way(name: str) -> str:
    """Return the drawing of one way: a box for each call, from top to bottom."""
    marks: list[str] = []
    y = 0.0
    for number, call in enumerate(WAYS[name], 1):
        for part in lines_of(call.note, WIDTH - 2 * EDGE) if call.note else ():
            y += 14
            marks.append(text(part, EDGE, y + 2, "text note", "start"))
        y += 8
        marks += [
            box(2, y, WIDTH - 4, BOX),
            *dot(number, 18, y + BOX / 2),
            text(f"{call.name}()", 36, y + 17, "name", "start"),
            text(f"in {_file_name(call.callee)}", 36, y + 33, "note", "start"),
            text(f"called by {_file_name(call.caller)}", 36, y + 48, "note", "start"),
        ]
        y += BOX + 6
    return drawing(marks, round(y))


def _file_name(module: str) -> str:
    """Return the file of a module, without its first folders if the drawing is too narrow."""
    return f"{module}.py" if len(module) < 44 else f"…/{'/'.join(module.split('/')[-2:])}.py"
