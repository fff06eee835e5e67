"""Resources: typed functions that a client reads by URI, one each or a template of many."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from doorward.errors import ConfigurationError
from doorward.mcp_server.features.tools import docstring_of
from doorward.mcp_server.functions.error_reporting import report
from doorward.mcp_server.functions.invocation import Function, read_function
from doorward.mcp_server.functions.signature import read_signature
from doorward.mcp_server.protocol_revision import ProtocolRevision
from doorward.mcp_server.refusals import (
    IdentityRequired,
    InternalFailure,
    ProtocolRefusal,
    ResourceNotFound,
    ToolError,
)
from doorward.mcp_server.registry.registry import cache_hints
from doorward.mcp_server.request_context import RequestContext
from doorward.mcp_server.schemas.content import EmbeddedResource
from doorward.mcp_server.schemas.plain_types import are_plain
from doorward.policy import Operation
from doorward.wire.resource_uri import is_normal_template, normal_form
from doorward.wire.uri_template import UriTemplate, is_template, read_uri_template

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Resource:
    """
    A typed function as a resource, or as a template of resources.

    ``name`` is its URI or the template's text, for that is what a peer uses. ``ttl_ms`` is how
    long a client may keep what it read.
    """

    name: str
    template: UriTemplate | None
    function: Function
    mime_type: str | None
    ttl_ms: int
    shared: bool
    full_definition: bytes
    basic_definition: bytes

    def definition(self, revision: ProtocolRevision) -> bytes:
        """Return the description in a list; Spec: MCP 2026-07-28, server/resources, "Resource"."""
        return self.full_definition if revision.structured else self.basic_definition

    async def answer(self, uri: str, values: Mapping[str, str], request: RequestContext) -> bytes:
        """
        Return the members of the result of one ``resources/read``.

        Raises:
            ResourceNotFound: the URI's values are not of the function's types, or its author says
                so with a ``ToolError`` or by returning nothing.
            InternalFailure: the author's code failed.
        """
        given = self._read(uri, values, request.revision)
        try:
            value = await self.function.run(given, request)
            if value is None:
                raise not_found(uri, request.revision)
            members = b'"contents":' + _encode(self._contents(value, uri))
        except ProtocolRefusal:
            raise
        except ToolError as error:
            raise not_found(uri, request.revision, error.message) from None
        except IdentityRequired as error:
            report("resource-needs-a-guard", self.name, error)
            raise InternalFailure(error.public) from None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an author's code may raise anything
            raise InternalFailure(report("resource-failed", self.name, error)) from None
        if not request.revision.modern:
            return members
        return members + cache_hints(self.ttl_ms, private=not self.shared)

    def _read(
        self, uri: str, values: Mapping[str, str], revision: ProtocolRevision
    ) -> Mapping[str, Any]:
        signature = self.function.signature
        if signature.plain is not None and are_plain(values, signature.plain):
            return values
        from pydantic import ValidationError

        try:
            return signature.arguments.validate_strings(values)
        except ValidationError:
            raise not_found(uri, revision) from None

    def _contents(self, value: Any, uri: str) -> list[dict[str, Any]]:
        if isinstance(value, EmbeddedResource):
            return [value.block()["resource"]]
        if isinstance(value, list) and value and isinstance(value[0], EmbeddedResource):
            return [one.block()["resource"] for one in value]
        if isinstance(value, bytes):
            mime_type = self.mime_type or "application/octet-stream"
        elif isinstance(value, str):
            mime_type = self.mime_type or "text/plain"
        else:
            mime_type = self.mime_type or "application/json"
            from pydantic_core import to_json

            value = to_json(value).decode()
        return [EmbeddedResource(uri=uri, data=value, mime_type=mime_type).block()["resource"]]


def not_found(
    uri: str, revision: ProtocolRevision, message: str = "Resource not found"
) -> ResourceNotFound:
    """Return the refusal of a URI; the eras have different codes for it."""
    return ResourceNotFound(message, uri, modern=revision.modern)


def read_resource(
    function: Callable[..., Any],
    uri: str,
    *,
    name: str | None,
    title: str | None,
    description: str | None,
    mime_type: str | None,
    annotations: Mapping[str, Any] | None,
    ttl_ms: int,
    shared: bool,
) -> Resource:
    """
    Return ``function`` as the resource at ``uri``, or as the template that ``uri`` is.

    Raises:
        ConfigurationError: with reason ``unusable-uri``, or what its signature is refused for.
    """
    template = _template(uri)
    signature = read_signature(function)
    taken = set(signature.schema.get("properties", {}))
    if taken != set(template.variables if template else ()):
        raise _unusable(uri, f"its variables are not the parameters {sorted(taken)}")
    definition: dict[str, Any] = {"uriTemplate" if template else "uri": uri}
    definition["name"] = name or function.__name__
    if said := description or docstring_of(function):
        definition["description"] = said
    if mime_type is not None:
        definition["mimeType"] = mime_type
    if annotations:
        definition["annotations"] = dict(annotations)
    basic = _encode(definition)
    if title is not None:
        definition["title"] = title
    runner = read_function(function, signature)
    return Resource(uri, template, runner, mime_type, ttl_ms, shared, _encode(definition), basic)


def _template(uri: str) -> UriTemplate | None:
    if not urlsplit(uri.partition("{")[0]).scheme or not (uri.isascii() and uri.isprintable()):
        raise _unusable(uri, "it has no scheme, or characters that no URI has")
    if not is_normal_template(uri):
        written = None if is_template(uri) else normal_form(uri)
        raise _unusable(
            uri, f"its normal form is {written!r}" if written else "it has no normal form"
        )
    if not is_template(uri):
        return None
    if (template := read_uri_template(uri)) is None:
        raise _unusable(uri, "its variables cannot be told apart in a URI")
    return template


def _unusable(uri: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        "unusable-uri",
        f"{uri!r} cannot be served as a resource: {why}.",
        "Write a URI such as 'notes://all', or a template such as 'notes://{owner}/{+path}'.",
    )


OPERATION = "resources/read"


def operation_of(resource: Resource) -> Operation:
    """Return what policy calls the reading of this resource, whichever URI of it is read."""
    return Operation(OPERATION, resource.name)
