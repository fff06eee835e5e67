"""``doorward gateway``: a reverse proxy for a Keycloak realm, and optionally an MCP server."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from doorward.cli.options import examples
from doorward.cli.output import Output
from doorward.cli.plain_text import json_fit, line
from doorward.cli.running import run
from doorward.errors import ConfigurationError
from doorward.gateway import Gateway, Route, realm_routes
from doorward.gateway.env_file import Environment, read_environment
from doorward.net import Fetcher, FetchFailed, FetchRequest
from doorward.net.http.certificates import certificate_problem
from doorward.net.http.url import read_target
from doorward.serving import listen, new_event_loop, serve

EPILOG = examples(
    "doorward gateway --env keycloak_proxy.env",
    "doorward gateway --env keycloak_proxy.env --allow-origin https://app.example",
)
DEFAULTS = {
    "KEYCLOAK_URL": "http://localhost:9090",
    "KEYCLOAK_UPSTREAM_URL": "http://localhost:8080",
    "KEYCLOAK_REALM": "mcp-realm",
    "MCP_SERVER_URL": "http://localhost:9000",
    "MCP_UPSTREAM_URL": "",
}


def gateway(
    env: Annotated[
        Path, typer.Option(help="The settings file, with one NAME=VALUE per line.")
    ] = Path("keycloak_proxy.env"),
    port: Annotated[
        int | None,
        typer.Option(
            help="The port on localhost; by default the port of KEYCLOAK_URL.", min=1, max=65535
        ),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            help="Allow this origin in CORS. Origins on localhost are always allowed.",
            metavar="ORIGIN",
        ),
    ] = None,
    pass_header: Annotated[
        list[str] | None,
        typer.Option(
            help="Also forward this request header.",
            metavar="NAME",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line.")
    ] = False,
) -> None:
    """
    Run a reverse proxy for one Keycloak realm, with CORS and the well-known paths.

    KEYCLOAK_URL is the public URL, and the issuer in metadata and tokens. KEYCLOAK_UPSTREAM_URL is
    where Keycloak listens. With MCP_UPSTREAM_URL, the proxy serves the MCP server at the public URL
    as well. Prints one line per request.
    """

    output = Output(as_json=as_json)
    settings = read_environment(env, DEFAULTS, os.environ)
    for note in settings.notes:
        output.note(note)
    options = {"allowed_origins": allow_origin or [], "pass_headers": pass_header or []}
    run(output, lambda: _serve(output, settings, port, options), new_event_loop)


def routes_of(settings: "Environment") -> "tuple[Route, ...]":
    """
    Return the gateway's routes for ``settings``.

    Raises:
        ConfigurationError: ``gateway-in-front-of-itself``, ``two-addresses``, or an invalid URL.
    """

    public, behind = settings["KEYCLOAK_URL"], settings["KEYCLOAK_UPSTREAM_URL"]
    if public == behind:
        raise ConfigurationError(
            "gateway-in-front-of-itself",
            f"KEYCLOAK_URL and KEYCLOAK_UPSTREAM_URL are both {public}.",
            "Set KEYCLOAK_URL to the public URL, such as http://localhost:9090, and "
            "KEYCLOAK_UPSTREAM_URL to Keycloak's own, as keycloak_proxy.env does.",
        )
    realm = realm_routes(public=public, keycloak=behind, realm=settings["KEYCLOAK_REALM"])
    server = settings["MCP_UPSTREAM_URL"]
    if not server:
        return realm
    if settings["MCP_SERVER_URL"] != public:
        raise ConfigurationError(
            "two-addresses",
            f"With MCP_UPSTREAM_URL, MCP_SERVER_URL must be {public}.",
            f"Set MCP_SERVER_URL={public} here and at the MCP server: clients refuse a server that "
            "names itself by another URL.",
        )
    metadata = "/.well-known/oauth-protected-resource"
    paths = ("/mcp", "/mcp/", metadata, f"{metadata}/mcp")
    return (*(Route(path=path, upstream=server, cors="upstream") for path in paths), *realm)


async def _serve(
    output: Output, settings: "Environment", port: int | None, options: dict[str, list[str]]
) -> None:

    routes = routes_of(settings)
    public = settings["KEYCLOAK_URL"]
    gate = Gateway(
        public=public,
        routes=routes,
        allowed_origins=options["allowed_origins"],
        pass_headers=options["pass_headers"],
        audit=lambda one: _show(output, one),
    )
    sockets = listen(port or urlsplit(public).port or 80)
    try:
        await _look_behind(output, settings)
        where = {"listening": public, "keycloak": settings["KEYCLOAK_UPSTREAM_URL"]}
        if output.as_json:
            _line(where)
        else:
            output.text(f"Listening on {public} for {where['keycloak']}. Ctrl-C stops it.")
        await serve(gate, sockets)
    finally:
        for sock in sockets:
            sock.close()


async def _look_behind(output: Output, settings: "Environment") -> None:
    """Warn at start-up if Keycloak does not answer; fail if it has no such realm."""

    behind, realm = settings["KEYCLOAK_UPSTREAM_URL"], settings["KEYCLOAK_REALM"]
    url = f"{behind}/realms/{realm}/.well-known/openid-configuration"
    fetcher = Fetcher(allow_private_hosts=frozenset({read_target(url).host_port}))
    try:
        found = await fetcher.send(url, FetchRequest(), limit=256 * 1024)
    except FetchFailed as failure:
        output.note(f"{_why(failure, behind)} Until then, callers get 502.")
        return
    if found.status == 404:
        raise ConfigurationError(
            "no-such-realm",
            f"The Keycloak at {behind} has no realm {realm!r}.",
            "Set KEYCLOAK_REALM to an existing realm, or import the tutorial's.",
        )


def _why(failure: FetchFailed, behind: str) -> str:
    why = certificate_problem(failure)
    if why is None:
        return f"Nobody answers at {behind} yet. Start Keycloak."
    return (
        f"The certificate of {behind} is not trusted: {why}. Set SSL_CERT_FILE to a PEM file with the "
        "certificate of its authority, and start again."
    )


def _show(output: Output, one: Any) -> None:

    if output.as_json:
        _line(asdict(one))
        return
    took = f"{one.seconds * 1000:.0f} ms"
    why = "" if one.reason == "forwarded" else f" {one.reason}: {one.detail}"
    output.text(_fit(f"{one.status} {one.method} {one.path} {took}{why}"))


def _line(document: dict[str, Any]) -> None:

    print(json_fit(json.dumps(document)), flush=True)


def _fit(text: str) -> str:

    return line(text)
