"""What the guard refuses on its own account, beside what tokens and envelopes refuse."""

from typing import ClassVar

from doorward.errors import NotPermitted, RequestRefused
from doorward.wire.jsonrpc.envelope import INVALID_PARAMS, METHOD_NOT_FOUND


class PathRefused(RequestRefused):
    """The path is written in a way that another part of the system may read as the endpoint."""

    code = "path-refused"
    public = "The path is ambiguous. Use the address of this server exactly as it was given."


class NothingHere(RequestRefused):
    """No such path is served here."""

    code = "nothing-here"
    status = 404
    public = "There is nothing at this address."


class MethodRefused(RequestRefused):
    """The document can be read and nothing else."""

    code = "method-refused"
    status = 405
    public = "This document can only be read."
    allow: ClassVar[str] = "GET, HEAD, OPTIONS"


class VerbRefused(MethodRefused):
    """The endpoint does not serve this HTTP method. A message is sent by POST alone."""

    public = "Send messages by POST. GET opens a stream and DELETE ends a session."
    allow = "POST, GET, HEAD, DELETE, OPTIONS"


class UnexpectedBody(RequestRefused):
    """A body came with an HTTP method that carries no message."""

    code = "unexpected-body"
    public = "Only POST carries a body. Send the message by POST, or leave the body out."


class SessionRefused(RequestRefused):
    """
    The session is over, or was opened for somebody else; the two are told alike.

    Spec: MCP 2025-11-25 basic/transports §Session Management
    """

    code = "session-refused"
    status = 404
    public = "There is no such session. Begin a new one."


class MediaTypeRefused(RequestRefused):
    """The body is not plain UTF-8 JSON, so guard and application could read it differently."""

    code = "media-type-refused"
    status = 415
    public = "Send the message as application/json in UTF-8, without Content-Encoding."


class BodyTooLarge(RequestRefused):
    """The body is longer than this server reads; nothing of it was parsed."""

    code = "body-too-large"
    status = 413
    public = "The message is too large for this server."


class KindNotAllowed(NotPermitted):
    """The operation is for other kinds of callers: for people, say, and a service came."""

    code = "kind-not-allowed"
    public = "This operation is not open to callers of this kind."


class UnknownMethod(RequestRefused):
    """
    No rule speaks of this method, so nobody may use it.

    Spec: MCP 2026-07-28 basic/transports/streamable-http §Protocol Version Header
    """

    code = "unknown-operation"
    recorded: str | None = None
    status = 404
    jsonrpc_code: ClassVar[int] = METHOD_NOT_FOUND
    public = "Method not found"


class UnknownName(RequestRefused):
    """No rule speaks of this tool, prompt or resource, so nobody may use it."""

    code = "unknown-operation"
    # Why it is hidden from this caller, for the audit log alone.
    recorded: str | None = None
    status = 400
    jsonrpc_code: ClassVar[int] = INVALID_PARAMS
    public = "Nothing of that name is served here."
