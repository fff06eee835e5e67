"""``Mcp-Param-*`` headers, which repeat arguments, and whether they match the body."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from doorward.errors import ConfigurationError
from doorward.wire.jsonrpc.protocol_refusal import ProtocolRefusal
from doorward.wire.jsonrpc.routing_headers import decode_name

_ANNOTATION = "x-mcp-header"
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_PRINTABLE = re.compile(rb"[\x20-\x7e\t]*")
_NUMBER = re.compile(r"-?[0-9]{1,16}(\.[0-9]{1,16})?")
_HEADER_TYPES = ("string", "integer", "boolean")
_MAX_SAFE_INTEGER = 2**53 - 1


class ParameterMismatch(ProtocolRefusal):
    """A header has another value than the body: a proxy and the tool would disagree."""

    code = "parameter-mismatch"
    jsonrpc_code = -32020
    hint = "Send the Mcp-Param header with the value of the argument."


@dataclass(frozen=True)
class ParameterHeader:
    """One argument that a header repeats; ``header`` is in lower case."""

    argument: str
    display_name: str
    header: bytes

    def check(self, arguments: Mapping[str, Any], headers: list[tuple[bytes, bytes]]) -> None:
        """
        Return if header and argument are equal, or both absent.

        Raises:
            ParameterMismatch: in every other case.

        Spec: MCP 2026-07-28, transports/streamable-http, "Server Behavior for Custom Headers"
        """
        value = arguments.get(self.argument)
        if value is not None and not isinstance(value, str | int | float):
            return  # No header can hold this, and the schema of the tool refuses it next.
        sent = [text for name, text in headers if name == self.header]
        # Of a repeated header, one parser takes the first value and another the last.
        if len(sent) != (value is not None) or (sent and not _matches(sent[0], value)):
            raise ParameterMismatch(
                f"Header mismatch: {self.display_name} is not what the body gives as {self.argument!r}"
            )


def read_parameter_headers(schema: Mapping[str, Any]) -> tuple[ParameterHeader, ...]:
    """
    Return the arguments of an input schema that carry ``x-mcp-header``.

    Raises:
        ConfigurationError: with reason ``unusable-header``: clients would ignore the whole tool.

    Spec: MCP 2026-07-28, server/tools, "x-mcp-header"
    """
    found: dict[str, ParameterHeader] = {}
    for argument, declared in schema.get("properties", {}).items():
        if (token := declared.get(_ANNOTATION)) is None:
            continue
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise _unusable(f"{token!r} on {argument!r} is not a header name")
        if declared.get("type") not in _HEADER_TYPES:
            raise _unusable(f"{argument!r} is neither a string, an integer nor a boolean")
        if token.lower() in found:
            raise _unusable(f"{token!r} is used twice")
        display_name = f"Mcp-Param-{token}"
        found[token.lower()] = ParameterHeader(
            argument, display_name, display_name.lower().encode()
        )
    if sum(1 for _ in _annotations_in(schema)) != len(found):
        raise _unusable("it is not on a parameter itself")
    return tuple(found.values())


def _matches(header: bytes, value: str | float | None) -> bool:
    if not _PRINTABLE.fullmatch(header):
        return False
    text = decode_name(header.strip(b" \t").decode("ascii"))
    if text is None:
        return False
    if isinstance(value, bool):
        return text == ("true" if value else "false")
    if isinstance(value, str):
        return text == value
    # Only Python parses "1_000" and "nan" as numbers, and beyond 2**53 languages differ.
    if value is None or abs(value) > _MAX_SAFE_INTEGER or not _NUMBER.fullmatch(text):
        return False
    return float(text) == value


def _annotations_in(node: Any) -> Iterator[None]:
    if isinstance(node, Mapping):
        if _ANNOTATION in node:
            yield None
        for child in node.values():
            yield from _annotations_in(child)
    elif isinstance(node, list):
        for child in node:
            yield from _annotations_in(child)


def _unusable(why: str) -> ConfigurationError:
    return ConfigurationError(
        "unusable-header",
        f"An {_ANNOTATION} annotation cannot be served: {why}.",
        "Put it on parameters of type str, int or bool, each with a name of its own.",
    )
