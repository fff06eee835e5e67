"""Responses to requests that no route answers: a page for a browser, JSON for an API client."""

from starlette.requests import Request
from starlette.responses import Response

from doorward.authserver.http.responses import json_response, page_response, wants_page
from doorward.authserver.pages.pages import MessagePage


class NoRoute:
    """
    The handlers for 404 and 405 of the service with this name.

    The page shows nothing of the request: a link could otherwise put its author's words there.
    """

    def __init__(self, service: str) -> None:
        self._page = MessagePage(
            service=service,
            title="Page not found",
            text="There is no page at this address. To sign in, start in your application.",
        )

    def not_found(self, request: Request, _error: Exception) -> Response:
        """Return the 404. Metadata paths answer with JSON: clients try several of them."""
        if wants_page(request) and "/.well-known/" not in request.scope["path"]:
            return page_response(self._page, 404)
        return json_response({"error": "not_found"}, 404, {"Access-Control-Allow-Origin": "*"})

    def wrong_method(self, request: Request, error: Exception) -> Response:
        """Return the 405, with Allow. A browser gets it when a user opens the address of a form."""
        allowed = getattr(error, "headers", None) or {}
        if wants_page(request):
            response = page_response(self._page, 405)
            response.headers.update(allowed)
            return response
        description = "This method is not supported here."
        body = {"error": "invalid_request", "error_description": description}
        return json_response(body, 405, allowed)
