"""What the guard refuses itself; tokens and JSON-RPC messages have refusals of their own."""

from collections.abc import Mapping
from typing import ClassVar

from doorward.errors import NotPermitted, RequestRefused, Unavailable
from doorward.wire.jsonrpc.envelope import INVALID_PARAMS


class PathRefused(RequestRefused):
    """The path is spelled so that another part of the system could read it as the endpoint."""

    code = "path-refused"
    public = "The path is ambiguous. Use the address of this server exactly as it was given."
    hint = "Write the path without encoded characters, dots or doubled slashes."


class NothingHere(RequestRefused):
    """This path is not served."""

    code = "nothing-here"
    status = 404
    public = "There is nothing at this address."
    hint = "Use the endpoint's address. For other routes, set open_paths or serve_other_paths."


class NotReady(Unavailable):
    """The application behind the guard has not started, or cannot be served as it is mounted."""

    code = "not-ready"
    public = "This server is not ready. Its operator finds the reason in the log."
    hint = "The audit event has what is wrong and what to write. The client can do nothing."


class ListNotReadable(Unavailable):
    """The application's list cannot be shortened to what a caller without a token may see."""

    code = "list-not-readable"
    public = "This server cannot list what is public. Its operator finds the reason in the log."
    hint = "The application must answer lists as JSON or as an event stream, and not compressed."


class MethodRefused(RequestRefused):
    """This address does not serve the HTTP method; ``allow`` lists those that it serves."""

    code = "method-refused"
    status = 405
    public = "This document can only be read."
    hint = "Use one of the HTTP methods in the Allow header."

    def __init__(
        self, detail: str, *, allow: str = "GET, HEAD, OPTIONS", description: str | None = None
    ) -> None:
        super().__init__(detail, description=description)
        self.allow = allow

    @property
    def headers(self) -> Mapping[str, str]:
        """``Allow``."""
        return {"Allow": self.allow}


class UnexpectedBody(RequestRefused):
    """A body came with an HTTP method that carries no message."""

    code = "unexpected-body"
    public = "Only POST carries a body. Send the message by POST, or leave the body out."
    hint = "Send messages by POST, and GET, HEAD and DELETE without a body."


class KindNotAllowed(NotPermitted):
    """The rule admits other kinds of callers: people, for example, where a service called."""

    code = "kind-not-allowed"
    public = "This operation is not open to callers of this kind."
    hint = "Add the caller's kind to kinds of the rule, if it may use this operation."


class ArgumentRefused(NotPermitted):
    """An argument of the call does not meet the condition that the rule has for it."""

    code = "argument-refused"
    public = "You may use this operation, but not with these arguments."
    hint = "Call it with arguments that the rule admits; `doorward why` shows its conditions."


class TooManyCalls(RequestRefused):
    """The caller has reached the rate of a rule; ``retry_after`` is in seconds."""

    code = "too-many-calls"
    status = 429
    public = "You have called this too often."
    hint = "Wait for the seconds in Retry-After, or raise limit in the rule."

    def __init__(self, detail: str, *, retry_after: int = 1) -> None:
        told = f"{self.public} Try again in {retry_after} seconds."
        super().__init__(detail, description=told)
        self.data = {"retry_after": retry_after}

    @property
    def headers(self) -> Mapping[str, str]:
        """``Retry-After``, in seconds."""
        return {"Retry-After": str(self.data["retry_after"])}


class TooManyAtOnce(TooManyCalls):
    """The caller has as many calls in progress as a rule allows at the same time."""

    code = "too-many-at-once"
    public = "Too many of your calls are running."
    hint = "Wait until one of the calls has ended, or raise concurrent in the rule."


class UnknownName(RequestRefused):
    """No rule names this tool, prompt or resource, so nobody may use it."""

    code = "unknown-operation"
    public = "Nothing of that name is served here."
    hint = "List what is served, and use one of those names; or add a rule to the policy."
    jsonrpc_code: ClassVar[int] = INVALID_PARAMS
