"""What every step needs and none of them teaches: the application, the process, and the issuer.

The issuer stands in until step 10 brings a real one. It is a key on disk and `generate_token.py`.
"""

import argparse
import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from starlette.types import ASGIApp

from doorward.errors import ConfigurationError, RequestRefused
from doorward.guard.http.bearer import read_bearer
from doorward.guard.http.request_headers import read_headers
from doorward.guard.http.responses import refusal_answer
from doorward.identity import SCOPE_KEY as IDENTITY_KEY
from doorward.jose.pem import read_public_pem
from doorward.serving import listen, serve
from doorward.tokens import Verifier
from doorward.wire.error_response import BearerChallenge
from doorward.wire.host_origin import LOCALHOST, HostOriginPolicy
from doorward.wire.jsonrpc.envelope import jsonrpc_error
from mcp_http.keys import read_public_key
from mcp_http.provider import issuer_of

__all__ = ["SCOPES", "new_app", "publish_issuer", "read_public_key", "require_token", "run"]

SCOPES = ("mcp:read", "mcp:tools", "mcp:prompts")


def new_app(title: str, **health: object) -> FastAPI:
    """Return an application as step 2 ends with: `/health`, this machine only, refusals in JSON."""
    host_check = HostOriginPolicy(LOCALHOST)

    def this_machine_alone(request: Request) -> None:
        host_check.admit(request.headers.raw)

    web = FastAPI(title=title, dependencies=[Depends(this_machine_alone)])

    @web.exception_handler(RequestRefused)
    async def refuse(request: Request, refusal: RequestRefused) -> Response:  # noqa: ARG001
        code = getattr(refusal, "jsonrpc_code", -32600)
        error = jsonrpc_error(
            getattr(refusal, "id", None), code, refusal.description, getattr(refusal, "data", None)
        )
        return Response(error, refusal.status, media_type="application/json")

    if health:

        @web.get("/health")
        async def healthy() -> dict[str, object]:
            return {"status": "healthy", **health}

    return web


def require_token(web: FastAPI, verifier: Verifier, challenge: BearerChallenge) -> None:
    """Ask every request for a token but those for what is open, as steps 6 and 7 do by hand."""

    @web.middleware("http")
    async def ask(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        path = request.scope["path"]
        if path != "/health" and not path.startswith("/.well-known/"):
            try:
                headers = read_headers(request.scope["headers"])
                token = read_bearer(headers, request.scope["query_string"])
                request.scope[IDENTITY_KEY] = await verifier.verify(token)
            except RequestRefused as refusal:
                return as_response(refusal, challenge)
        return await call_next(request)

    @web.exception_handler(RequestRefused)
    async def refuse(request: Request, refusal: RequestRefused) -> Response:  # noqa: ARG001
        return as_response(refusal, challenge)


def as_response(refusal: RequestRefused, challenge: BearerChallenge) -> Response:
    """Return the toolkit's one answer to a refusal as FastAPI's own."""
    answer = refusal_answer(refusal, challenge, correlation_id=secrets.token_hex(8))
    response = Response(answer.body, answer.status)
    response.raw_headers = list(answer.headers)
    return response


def publish_issuer(web: FastAPI, issuer: str) -> dict[str, Any]:
    """Publish the issuer's keys and metadata, as steps 5 and 7 do by hand; return the key set."""
    keys = {"keys": [read_public_pem(read_public_key())]}

    @web.get("/.well-known/jwks.json")
    async def jwks() -> dict[str, Any]:
        return keys

    @web.get("/.well-known/oauth-authorization-server")
    async def metadata() -> dict[str, Any]:
        return {
            "issuer": issuer,
            "jwks_uri": f"{issuer}/.well-known/jwks.json",
            "scopes_supported": list(SCOPES),
            "response_types_supported": [],
            "grant_types_supported": [],
        }

    return keys


def run(
    create_app: Callable[..., ASGIApp],
    argv: list[str] | None = None,
    *,
    takes_provider: bool = False,
) -> None:
    """
    Serve what `create_app` makes of its address, or end the process with one sentence.

    With `takes_provider`, `--env` names an identity provider; `create_app` gets it as a second issuer.
    """
    parser = argparse.ArgumentParser(description=(create_app.__doc__ or "").strip())
    parser.add_argument(
        "--port", type=_port, default=9000, help="on localhost; 0 takes a free one (default: 9000)"
    )
    if takes_provider:
        parser.add_argument(
            "--env", type=Path, help="also accept tokens of the provider in this file of settings"
        )
    options = parser.parse_args(argv)
    with ExitStack() as open_sockets:
        try:
            sockets = [open_sockets.enter_context(one) for one in listen(options.port)]
            address = f"http://localhost:{sockets[0].getsockname()[1]}"
            provider = getattr(options, "env", None)
            app = create_app(address, *([issuer_of(provider)] if provider else []))
        except ConfigurationError as problem:
            raise SystemExit(f"{problem.problem} {problem.hint}") from None
        print(f"Listening on {address}, for this machine only.", flush=True)
        asyncio.run(serve(app, sockets))


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give a number up to 65535")
    return int(text)
