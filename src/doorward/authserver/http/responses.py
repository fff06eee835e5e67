"""HTTP responses of the authorization server: JSON, pages and refusals."""

from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from doorward.authserver.events import EventRecorder, request_in_progress
from doorward.authserver.pages import pages
from doorward.authserver.refusals import (
    ConnectLinkRefused,
    FormRefused,
    InvalidClient,
    TooManyRequests,
    UnknownClient,
)
from doorward.errors import HostRefused, RequestRefused, Unavailable
from doorward.wire import asgi
from doorward.wire.error_response import error_response, oauth_body

Handler = Callable[[Request], Awaitable[Response]]

_encode = msgspec.json.Encoder().encode
_PRIVATE = {
    "Cache-Control": "no-store",
    "Pragma": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
# Any web page may call these endpoints: they use no cookies, so there is no session to abuse.
_CORS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"WWW-Authenticate, Retry-After, X-Correlation-Id"),
)


def json_response(
    body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a JSON response that is not cached."""
    return Response(
        _encode(body),
        status,
        media_type="application/json",
        headers={**_PRIVATE, **headers} if headers else _PRIVATE,
    )


def cacheable_json_response(body: Mapping[str, Any], max_age: int) -> Response:
    """Return a public JSON response that may be cached for ``max_age`` seconds."""
    response = json_response(body, headers={"Cache-Control": f"public, max-age={max_age}"})
    del response.headers["Pragma"]
    return response


def copied_response(response: Response) -> Response:
    """Return a response that was made before, with headers of its own."""
    copied = copy(response)
    copied.raw_headers = list(response.raw_headers)
    return copied


def page_response(page: pages.Page, status: int = 200) -> Response:
    """Return a page with headers against framing, caching and referrers."""
    response = Response(pages.render(page), status, media_type="text/html; charset=utf-8")
    for name, value in pages.SECURITY_HEADERS:
        response.headers[name] = value
    return response


async def read_body(request: Request, limit: int) -> bytes:
    """
    Return the body of at most ``limit`` bytes, and stop reading beyond that.

    Raises:
        BodyTooLarge: 413.
        BadRequest: 400, Content-Length is not a number.
    """
    declared = request.headers.get("content-length")
    content_length = None if declared is None else declared.encode("latin-1")
    return await asgi.read_body(request.receive, limit, content_length)


def json_endpoint(events: EventRecorder, handler: Handler) -> Handler:
    """Return ``handler`` with CORS for any origin and with refusals as OAuth JSON."""

    async def answered(request: Request) -> Response:
        with request_in_progress(request.scope["path"]):
            try:
                response = await handler(request)
            except (RequestRefused, Unavailable) as refusal:
                response = _refusal_in_json(events, refusal)
            except Exception as error:  # noqa: BLE001 - no traceback may reach a peer
                response = _failure_in_json(events, error)
        response.raw_headers.extend(_CORS)
        return response

    return answered


def page_endpoint(events: EventRecorder, service: str, handler: Handler) -> Handler:
    """Return ``handler`` with refusals as HTML pages; no other origin may read them."""

    async def answered(request: Request) -> Response:
        with request_in_progress(request.scope["path"]):
            try:
                return await handler(request)
            except (RequestRefused, Unavailable) as refusal:
                return _refusal_on_page(events, service, refusal)
            except Exception as error:  # noqa: BLE001 - no traceback may reach a peer
                return _failure_on_page(events, service, error)

    return answered


def wants_page(request: Request) -> bool:
    """Return whether a browser sent a request that no route answers; else answer with JSON."""
    return "text/html" in request.headers.get("accept", "")


def misdirected_response(
    events: EventRecorder, request: Request, service: str, refusal: HostRefused
) -> Response:
    """Return the 421 for a request to another host: a page for a browser, else JSON."""
    if wants_page(request):
        return _refusal_on_page(events, service, refusal)
    return _refusal_in_json(events, refusal)


async def preflight_response(_request: Request) -> Response:
    """
    Return the response to a CORS preflight request.

    Spec: Fetch, CORS-preflight request
    """
    return Response(
        status_code=204,
        headers={
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
            "Access-Control-Allow-Headers": "Authorization, Content-Type, MCP-Protocol-Version",
            "Access-Control-Max-Age": "86400",
        },
    )


def _refusal_in_json(events: EventRecorder, refusal: RequestRefused | Unavailable) -> Response:
    answer = error_response(refusal, correlation_id=events.record_refusal(refusal))
    return json_response(oauth_body(refusal), answer.status, answer.headers)


_ADVICE: tuple[tuple[type[Exception], str, str], ...] = (
    (
        UnknownClient,
        "This application is not known here",
        "Remove the connection in the application and connect again, so that it registers again.",
    ),
    (InvalidClient, "This application could not be verified", "Try again in the application."),
    (TooManyRequests, "Too many attempts", "Wait a minute, then start again in the application."),
    (
        ConnectLinkRefused,
        "This link cannot be used",
        "Run the tool again for a new link. Open it signed in as the user of your application.",
    ),
    (
        FormRefused,
        "This page has expired",
        "If you have answered it, you can close it. Otherwise start again in the application.",
    ),
    (
        HostRefused,
        "This is not the address of this server",
        "Ask the operator of this server for its address, and use that one in the application.",
    ),
    (Unavailable, "Temporarily unavailable", "Wait a minute, then try again."),
)
_OTHERWISE = ("This request was refused", "Go back to the application and start again.")


def _refusal_on_page(
    events: EventRecorder, service: str, refusal: RequestRefused | Unavailable
) -> Response:
    correlation_id = events.record_refusal(refusal)
    title, advice = next(
        ((title, advice) for kind, title, advice in _ADVICE if isinstance(refusal, kind)),
        _OTHERWISE,
    )
    # A page is no challenge: 401 would ask the browser for credentials it does not have.
    status = 400 if refusal.status == 401 else refusal.status
    response = page_response(
        pages.ErrorPage(
            service=service,
            title=title,
            explanation=refusal.description,
            what_to_do=advice,
            code=refusal.code,
            correlation_id=correlation_id,
        ),
        status,
    )
    # A page is no challenge: only the hint when to come back goes along.
    if (retry_after := error_response(refusal).headers.get("Retry-After")) is not None:
        response.headers["Retry-After"] = retry_after
    return response


def _failure_in_json(events: EventRecorder, error: Exception) -> Response:
    correlation_id = events.record_failure(error)
    body = {"error": "server_error", "error_description": "The server failed."}
    return json_response(body, 500, {"X-Correlation-Id": correlation_id})


def _failure_on_page(events: EventRecorder, service: str, error: Exception) -> Response:
    correlation_id = events.record_failure(error)
    page = pages.ErrorPage(
        service=service,
        title="Something went wrong",
        explanation="The server could not finish this request.",
        what_to_do="Try again. If that fails too, send the details below to the operator of this server.",
        code="server-error",
        correlation_id=correlation_id,
    )
    return page_response(page, 500)
