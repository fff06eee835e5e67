"""What the gateway refuses, and what it says when the server behind it does not do its part."""

from typing import ClassVar

from doorward.errors import RequestRefused, Unavailable


class NotForwarded(RequestRefused):
    """The path is on no list; whatever the server behind has there stays out of reach."""

    code = "not-forwarded"
    status = 404
    public = "Nothing is forwarded at this address."


class AmbiguousPath(RequestRefused):
    """The path is written in a way that the server behind may read as another one."""

    code = "ambiguous-path"
    public = "The path is ambiguous. Write it without encoding, dots or doubled slashes."


class MethodNotForwarded(RequestRefused):
    """The method is on no list: TRACE shows headers, CONNECT opens a tunnel."""

    code = "method-not-forwarded"
    status = 405
    public = "This method is not forwarded."


class UpstreamUnreachable(Unavailable):
    """Nobody accepts connections where the server behind the gateway should be."""

    code = "upstream-unreachable"
    status: ClassVar[int] = 502
    public = "The server behind this gateway cannot be reached. Is it running?"


class UpstreamBroken(Unavailable):
    """What the server behind the gateway answered is no HTTP, or ended before it was whole."""

    code = "upstream-broken"
    status: ClassVar[int] = 502
    public = "The server behind this gateway gave no answer that can be used."


class UpstreamSlow(Unavailable):
    """The server behind the gateway did not begin to answer in time."""

    code = "upstream-slow"
    status: ClassVar[int] = 504
    public = "The server behind this gateway did not answer in time."


class ForeignIssuer(Unavailable):
    """
    The realm names an issuer that is not the gateway's address.

    Rewritten here, the document would promise an issuer that neither the tokens nor the ``iss`` of
    an answer carry, and every client that compares them would refuse. So nobody gets it.
    """

    code = "foreign-issuer"
    status: ClassVar[int] = 502
    public = (
        "The identity provider behind this gateway calls itself by another address. "
        "Its operator must let it take its host name from the gateway."
    )
