"""Google's tokeninfo and GitHub's check of a token, as their recorded answers have them."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.idp.simulator import RECORDED

NOW = 1_800_000_000.0
GOOGLE_CLIENT = "1055-ours.apps.googleusercontent.com"
GITHUB_CLIENT, GITHUB_SECRET = "Ov23liOurs", "0123456789abcdef"


def recorded_answer(file: str, **changes: Any) -> dict[str, Any]:
    """Return a recorded answer, changed; ``...`` leaves a member out."""
    document: dict[str, Any] = json.loads((RECORDED / file).read_text("utf-8"))
    return {name: value for name, value in {**document, **changes}.items() if value is not ...}


class Google:
    """``tokens`` are those that live, each with what Google says of it."""

    def __init__(self) -> None:
        self.tokens: dict[str, Mapping[str, Any]] = {}
        self.seen: list[tuple[str, str]] = []
        self.broken = False

    def says(self, **changes: Any) -> dict[str, Any]:
        """Return what Google says of a token of ours, changed."""
        ours = {"azp": GOOGLE_CLIENT, "aud": GOOGLE_CLIENT, "exp": str(int(NOW) + 3000)}
        return recorded_answer("google_tokeninfo.json", **{**ours, **changes})

    def app(self) -> Starlette:
        """Return the endpoint as an application."""

        def tokeninfo(request: Request) -> Response:
            self.seen.append((request.method, str(request.url)))
            if self.broken:
                return JSONResponse({"error": "internal_failure"}, 500)
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            if token not in self.tokens:
                return JSONResponse({"error_description": "Invalid Value"}, 400)
            return JSONResponse(self.tokens[token])

        return Starlette(routes=[Route("/tokeninfo", tokeninfo)])


class GitHub:
    """``tokens`` are those that live, each with the id of its app and what GitHub says of it."""

    def __init__(self) -> None:
        self.tokens: dict[str, tuple[str, Mapping[str, Any]]] = {}
        self.seen: list[str] = []

    def says(self, **changes: Any) -> dict[str, Any]:
        """Return what GitHub says of a token of ours, changed."""
        app = {"client_id": GITHUB_CLIENT, "name": "ours", "url": "https://ours.example"}
        return recorded_answer("github_check_token.json", **{"app": app, **changes})

    def app(self) -> Starlette:
        """Return the API as an application."""

        async def check(request: Request) -> Response:
            self.seen.append(str(request.url))
            shown = base64.b64encode(f"{GITHUB_CLIENT}:{GITHUB_SECRET}".encode()).decode()
            if request.headers.get("authorization") != f"Basic {shown}":
                return JSONResponse({"message": "Bad credentials"}, 401)
            token = (await request.json())["access_token"]
            app, said = self.tokens.get(token, ("", {}))
            # Another app's token is as unknown here as an invented one.
            if app != request.path_params["client_id"]:
                return JSONResponse({"message": "Not Found"}, 404)
            return JSONResponse({**said, "token": token})

        return Starlette(routes=[Route("/applications/{client_id}/token", check, methods=["POST"])])
