"""How an author's function becomes a resource, or a template of resources."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw

from doorward.errors import ConfigurationError
from doorward.mcp_server.functions.error_reporting import report_failure
from doorward.mcp_server.functions.invocation import Function, read_function
from doorward.mcp_server.functions.signature import read_signature
from doorward.mcp_server.protocol_revision import ProtocolRevision
from doorward.mcp_server.refusals import (
    InternalFailure,
    InvalidArguments,
    ResourceNotFound,
    ToolError,
)
from doorward.mcp_server.registry.registry import cache_hints
from doorward.mcp_server.request_context import RequestContext, Result
from doorward.mcp_server.schemas.content import EmbeddedResource
from doorward.policy import Operation
from doorward.wire.jsonrpc.protocol_refusal import ProtocolRefusal
from doorward.wire.resource_uri import is_normal_template, normal_form
from doorward.wire.uri_template import UriTemplate, is_template, read_uri_template

READ = "resources/read"
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Resource:
    """
    A typed function as a resource, or as a template of resources.

    ``name`` is the URI, or the text of the template. ``ttl_ms`` is how long clients may cache what
    they read; ``shared`` lets caches give it to other users.
    """

    name: str
    template: UriTemplate | None
    function: Function
    mime_type: str | None
    ttl_ms: int
    shared: bool
    full_definition: Raw
    # Without title, for 2025-03-26.
    basic_definition: Raw

    @property
    def operation(self) -> Operation:
        """The operation that policy decides for every URI of this resource."""
        return Operation(READ, self.name)

    def definition(self, revision: ProtocolRevision) -> Raw:
        """Return the definition in lists. Spec: MCP 2026-07-28, server/resources, "Resource"."""
        return self.full_definition if revision.structured_content else self.basic_definition

    async def read(self, uri: str, values: Mapping[str, str], request: RequestContext) -> Result:
        """
        Return the contents at ``uri``; ``values`` are those of the template's variables.

        Raises:
            ResourceNotFound: the values do not fit the function, or the function returned ``None``
                or raised a ``ToolError``.
            InternalFailure: the author's code failed.
        """
        try:
            given = self.function.signature.read(values, "strings")
        except InvalidArguments:
            raise not_found(uri, request.revision) from None
        try:
            value = await self.function.run(given, request)
            if value is None:
                raise not_found(uri, request.revision)
            result: Result = {"contents": Raw(_encode(self._contents(value, uri)))}
        except ProtocolRefusal:
            raise
        except ToolError as error:
            raise not_found(uri, request.revision, error.message) from None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an author's code may raise anything
            raise InternalFailure(report_failure("resource", self.name, error)) from None
        if request.revision.modern:
            result |= cache_hints(self.ttl_ms, private=not self.shared)
        return result

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
            from pydantic_core import to_json  # on first use: see schemas/pydantic_types.py

            mime_type = self.mime_type or "application/json"
            value = to_json(value).decode()
        return [EmbeddedResource(uri=uri, data=value, mime_type=mime_type).block()["resource"]]


def not_found(
    uri: str, revision: ProtocolRevision, message: str = "Resource not found"
) -> ResourceNotFound:
    """Return the refusal of a URI; its code depends on the protocol revision."""
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
    Return ``function`` as the resource at ``uri``, or as the template ``uri``.

    Raises:
        ConfigurationError: with reason ``unusable-uri``, or for its signature.
    """
    template = _template(uri)
    signature = read_signature(function)
    parameters = set(signature.schema.get("properties", {}))
    if parameters != set(template.variables if template else ()):
        raise _unusable(uri, f"its variables are not the parameters {sorted(parameters)}")
    definition: dict[str, Any] = {"uriTemplate" if template else "uri": uri}
    definition["name"] = name or function.__name__
    if text := description or inspect.getdoc(function):
        definition["description"] = text
    if mime_type is not None:
        definition["mimeType"] = mime_type
    if annotations:
        definition["annotations"] = dict(annotations)
    basic = Raw(_encode(definition))
    if title is not None:
        definition["title"] = title
    return Resource(
        name=uri,
        template=template,
        function=read_function(function, signature),
        mime_type=mime_type,
        ttl_ms=ttl_ms,
        shared=shared,
        full_definition=Raw(_encode(definition)),
        basic_definition=basic,
    )


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
