"""A tiny application that serves every state, so that a browser can judge it."""

from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from doorward.authserver.pages.pages import SECURITY_HEADERS, Page, render
from tests.pages.states import STATES


def page_response(page: Page, status: int = 200) -> Response:
    """Answer with ``page`` as the authorization server does."""
    return Response(
        render(page), status, headers=dict(SECURITY_HEADERS), media_type="text/html; charset=utf-8"
    )


def gallery(states: dict[str, Page] = STATES) -> Starlette:
    """Serve ``/state/<name>``, and redirect every POST to what its ``to`` parameter says."""

    async def show(request: Request) -> Response:
        return page_response(states[request.path_params["name"]])

    async def answer(request: Request) -> Response:
        fields = parse_qs((await request.body()).decode())
        gallery_app.state.posted.append({name: values[0] for name, values in fields.items()})
        return RedirectResponse(request.query_params["to"], 303)

    gallery_app = Starlette(
        routes=[
            Route("/state/{name}", show),
            Route("/answer", answer, methods=["POST"]),
        ]
    )
    gallery_app.state.posted = []
    return gallery_app
