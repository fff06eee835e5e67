"""The gateway's refusals, and its errors when an upstream server fails."""

from collections.abc import Mapping

from doorward.errors import NotPermitted, RequestRefused, Unavailable

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})


class NotForwarded(RequestRefused):
    """No route has this path, so it is not forwarded to any upstream server."""

    code = "not-forwarded"
    status = 404
    public = "Nothing is forwarded at this address."
    hint = "Add a route for the path, if callers may reach it."


class AmbiguousPath(RequestRefused):
    """The upstream server could read the path as another one."""

    code = "ambiguous-path"
    public = "The path is ambiguous. Write it without encoding, dots or doubled slashes."
    hint = "Write the path without encoded characters, dots or doubled slashes."


class MethodNotForwarded(RequestRefused):
    """The HTTP method is not forwarded: TRACE shows headers, CONNECT opens a tunnel."""

    code = "method-not-forwarded"
    status = 405
    public = "This method is not forwarded."
    hint = "Use one of the HTTP methods in the Allow header."

    @property
    def headers(self) -> Mapping[str, str]:
        """``Allow``."""
        return {"Allow": ", ".join(sorted(METHODS))}


class UpstreamUnreachable(Unavailable):
    """The server behind the gateway does not accept connections."""

    code = "upstream-unreachable"
    status = 502
    public = "The server behind this gateway cannot be reached. Is it running?"
    hint = "Start the server behind the gateway, or correct its address."


class UpstreamBroken(Unavailable):
    """The server behind the gateway answered something that is not HTTP, or stopped half way."""

    code = "upstream-broken"
    status = 502
    public = "The server behind this gateway gave no answer that can be used."
    hint = "Look into the log of the server behind the gateway."


class UpstreamNotMcp(Unavailable):
    """The server behind the gateway answered a message with a page, a redirect or no such path."""

    code = "upstream-not-mcp"
    status = 502
    public = (
        "The server behind this gateway is no MCP server. Its operator must correct the address."
    )
    hint = "Correct upstream: the URL of the MCP endpoint itself, often with the path /mcp."


class UpstreamSlow(Unavailable):
    """The server behind the gateway did not begin to answer in time."""

    code = "upstream-slow"
    status = 504
    public = "The server behind this gateway did not answer in time."
    hint = "Look into the log of the server behind the gateway, or raise timeout."


class UpstreamWantsCredentials(Unavailable):
    """The server behind the gateway asks for credentials, and the gateway forwards none."""

    code = "upstream-wants-credentials"
    status = 502
    public = "The server behind this gateway asks for credentials that it does not get."
    hint = "Let the server accept requests of the gateway, or set forward_token where it verifies tokens."


class ForeignIssuer(Unavailable):
    """
    The realm names an issuer that is not the gateway's address.

    A rewritten document would name an issuer that differs from the one in the tokens and in ``iss``.
    Clients compare them and would refuse. So the gateway does not forward the document.
    """

    code = "foreign-issuer"
    status = 502
    public = (
        "The identity provider behind this gateway calls itself by another address. "
        "Its operator must let it take its host name from the gateway."
    )
    hint = "Let Keycloak take its host name from the gateway: start it with --proxy-headers xforwarded."


class ToolNotAccepted(NotPermitted):
    """The definition of the tool is not the accepted one, or no client may see it."""

    code = "tool-not-accepted"
    public = "This tool has changed, or was never accepted. Its operator must review it first."
    hint = "Review the tool with `doorward pins diff`, then run `doorward pins accept`."
