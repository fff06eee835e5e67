"""JSON-RPC over HTTP as an MCP client speaks it: what is sent, and what is read back."""

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx2

from doorward.client.http.http_client import MAX_DOCUMENT, read_limited
from doorward.client.refusals import CallFailed, ProtocolBroken
from doorward.wire.jsonrpc.envelope import (
    CAPABILITIES_META,
    MIRRORED,
    MODERN_VERSIONS,
    VERSION_META,
)
from doorward.wire.jsonrpc.routing_headers import encode_name
from doorward.wire.strict_json import NotStrictJson, parse_object

MODERN = MODERN_VERSIONS[0]
MAX_RESPONSE = 16 * 1024 * 1024

_SESSION = re.compile(r"[\x21-\x7e]{1,1024}")
_HEADER = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_CLIENT_META = "io.modelcontextprotocol/clientInfo"


def build_request(
    number: int,
    method: str,
    params: Mapping[str, Any],
    *,
    version: str,
    client: Mapping[str, str],
    capabilities: Mapping[str, Any],
) -> dict[str, Any]:
    """
    Return one JSON-RPC request; in 2026-07-28, it names the client and the protocol version.

    Spec: MCP 2026-07-28 basic, ``_meta``
    """
    full = dict(params)
    if version in MODERN_VERSIONS:
        full["_meta"] = {
            VERSION_META: version,
            _CLIENT_META: client,
            CAPABILITIES_META: dict(capabilities),
        }
    message: dict[str, Any] = {"jsonrpc": "2.0", "id": number, "method": method}
    if full:
        message["params"] = full
    return message


def build_headers(message: Mapping[str, Any], *, version: str | None) -> dict[str, str]:
    """
    Return the headers that go with ``message``, in which the body's routing facts are repeated.

    Raises:
        ProtocolBroken: with reason ``malformed-request``; the message cannot be sent.

    Spec: MCP 2026-07-28 streamable HTTP, request metadata
    """
    headers = {
        "Accept": "application/json, text/event-stream",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
    }
    if version is not None:
        headers["MCP-Protocol-Version"] = version
    if version in MODERN_VERSIONS:
        method = message.get("method")
        headers["Mcp-Method"] = method if isinstance(method, str) else ""
        if isinstance(method, str) and method in MIRRORED:
            headers["Mcp-Name"] = _name_in(message, MIRRORED[method])
    if not all(_HEADER.fullmatch(value) for value in headers.values()):
        raise ProtocolBroken(
            "malformed-request",
            "The request's method or version is missing, or is not visible ASCII.",
            "Correct the request.",
        )
    return headers


def _name_in(message: Mapping[str, Any], member: str) -> str:
    params = message.get("params")
    name = params.get(member) if isinstance(params, dict) else None
    if not isinstance(name, str):
        raise ProtocolBroken("malformed-request", f"The request has no {member}.")
    return header_text(name)


def header_text(text: str) -> str:
    """
    Return ``text`` as a header repeats it.

    Raises:
        ProtocolBroken: with reason ``malformed-request``; it is not Unicode.

    Spec: MCP 2026-07-28 streamable HTTP, value encoding
    """
    try:
        return encode_name(text)
    except UnicodeEncodeError as error:
        raise _not_unicode() from error


async def read_message(response: httpx2.Response, number: int) -> dict[str, Any]:
    """
    Return the JSON-RPC response with the id ``number`` in the JSON body of ``response``.

    Raises:
        ProtocolBroken: with reason ``answer-not-json``, ``no-answer`` or ``too-large``.

    Spec: MCP 2026-07-28 streamable HTTP, receiving messages
    """
    message = parse_message(await read_limited(response, MAX_RESPONSE), response)
    answers = message.get("id") == number or ("error" in message and "id" not in message)
    if answers and ("result" in message or "error" in message):
        return message
    raise ProtocolBroken(
        "no-answer", "The server's answer holds no response to the request.", "Try again."
    )


def result_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the result in a JSON-RPC response.

    Raises:
        CallFailed: the response is an error.
        ProtocolBroken: with reason ``malformed-answer``.
    """
    error = message.get("error")
    if isinstance(error, dict):
        code = error.get("code")
        number = code if isinstance(code, int) else 0
        raise CallFailed(number, str(error.get("message", "")), error.get("data"))
    result = message.get("result")
    if not isinstance(result, dict):
        raise ProtocolBroken("malformed-answer", "The server's result is not an object.")
    return result


async def read_error(response: httpx2.Response) -> dict[str, Any] | None:
    """
    Return the JSON-RPC error in the body of ``response``, or ``None`` when there is none.

    Raises:
        ProtocolBroken: with reason ``too-large`` or ``compressed``.
    """
    try:
        error = parse_object(await read_limited(response, MAX_DOCUMENT)).get("error")
    except NotStrictJson:
        return None
    return error if isinstance(error, dict) and isinstance(error.get("code"), int) else None


def session_of(response: httpx2.Response) -> str | None:
    """
    Return the session that ``response`` begins, or ``None``.

    Raises:
        ProtocolBroken: with reason ``malformed-session``; the id cannot be sent back in a header.

    Spec: MCP 2025-11-25 session management
    """
    session = response.headers.get("mcp-session-id")
    if session is None or _SESSION.fullmatch(session):
        return session
    raise ProtocolBroken(
        "malformed-session",
        "The server's session id has characters other than visible ASCII, or more than 1,024.",
        "Tell the server's operator.",
    )


def parse_message(document: bytes, response: httpx2.Response) -> dict[str, Any]:
    """
    Return the JSON-RPC message in ``document``, which came with ``response``.

    Raises:
        ProtocolBroken: with reason ``answer-not-json``.
    """
    try:
        return parse_object(document)
    except NotStrictJson as error:
        raise ProtocolBroken(
            "answer-not-json",
            f"The server answered {response.status_code} with something other than a JSON object "
            f"({error}).",
            "Check that the address is that of an MCP endpoint, often ending in /mcp.",
        ) from error


def encode(message: Mapping[str, Any]) -> bytes:
    """
    Return ``message`` as it is sent.

    Raises:
        ProtocolBroken: with reason ``malformed-request``.
    """
    try:
        return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise _not_unicode() from error


def _not_unicode() -> ProtocolBroken:
    # A command line that is not UTF-8 becomes lone surrogates, which no JSON can carry.
    return ProtocolBroken(
        "malformed-request", "The request holds text that is not Unicode.", "Write it in UTF-8."
    )
