"""``doorward gateway``: Keycloak's realm, and an MCP server if you like, behind one address."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from doorward.cli.options import examples

if TYPE_CHECKING:
    from doorward.gateway import Route
    from doorward.gateway.env_file import Environment

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
        Path, typer.Option(help="The file with the settings, one NAME=VALUE on each line.")
    ] = Path("keycloak_proxy.env"),
    port: Annotated[
        int | None,
        typer.Option(
            help="The port on localhost; that of KEYCLOAK_URL if left out.", min=1, max=65535
        ),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            help="Let pages of this web origin read the answers; this machine's may already.",
            metavar="ORIGIN",
        ),
    ] = None,
    pass_header: Annotated[
        list[str] | None,
        typer.Option(
            help="Pass this request header on, beside those that MCP and sign-in pages need.",
            metavar="NAME",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line.")
    ] = False,
) -> None:
    """
    Forward one realm of a Keycloak, and nothing else of it, with CORS and the well-known paths.

    KEYCLOAK_URL is the address that clients use and KEYCLOAK_UPSTREAM_URL the one where Keycloak
    listens. Keycloak is told the first, so that its metadata and its tokens name it as the issuer.
    With MCP_UPSTREAM_URL, the MCP server is reached at the same address too. Prints one line for
    every request.
    """
    from doorward.cli.output import Output
    from doorward.cli.running import run
    from doorward.gateway.env_file import read_environment
    from doorward.serving import new_event_loop

    output = Output(as_json=as_json)
    settings = read_environment(env, DEFAULTS, os.environ)
    for note in settings.notes:
        output.note(note)
    options = {"allowed_origins": allow_origin or [], "pass_headers": pass_header or []}
    run(output, lambda: _serve(output, settings, port, options), new_event_loop)


def routes_of(settings: "Environment") -> "tuple[Route, ...]":
    """
    Return the list that the settings ask for.

    Raises:
        ConfigurationError: ``gateway-in-front-of-itself``, ``two-addresses``, and what the parts
            refuse.
    """
    from doorward.errors import ConfigurationError
    from doorward.gateway import Route, realm_routes

    public, behind = settings["KEYCLOAK_URL"], settings["KEYCLOAK_UPSTREAM_URL"]
    if public == behind:
        raise ConfigurationError(
            "gateway-in-front-of-itself",
            f"KEYCLOAK_URL and KEYCLOAK_UPSTREAM_URL are both {public}.",
            "Give the address for clients as the first (http://localhost:9090), Keycloak's own as "
            "the second; keycloak_proxy.env does.",
        )
    realm = realm_routes(public=public, keycloak=behind, realm=settings["KEYCLOAK_REALM"])
    server = settings["MCP_UPSTREAM_URL"]
    if not server:
        return realm
    if settings["MCP_SERVER_URL"] != public:
        raise ConfigurationError(
            "two-addresses",
            f"MCP_UPSTREAM_URL asks to forward /mcp, and MCP_SERVER_URL is not {public}.",
            f"Set MCP_SERVER_URL={public}, for the server too: clients refuse one that goes by "
            "another name than they called it.",
        )
    metadata = "/.well-known/oauth-protected-resource"
    paths = ("/mcp", "/mcp/", metadata, f"{metadata}/mcp")
    return (*(Route(path=path, upstream=server, pages="as-behind") for path in paths), *realm)


async def _serve(
    output: Any, settings: "Environment", port: int | None, options: dict[str, list[str]]
) -> None:
    from urllib.parse import urlsplit

    from doorward.gateway import Gateway
    from doorward.serving import listen, serve

    routes = routes_of(settings)
    public = settings["KEYCLOAK_URL"]
    gate = Gateway(
        public=public,
        routes=routes,
        allowed_origins=options["allowed_origins"],
        pass_headers=options["pass_headers"],
        record=lambda one: _show(output, one),
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


async def _look_behind(output: Any, settings: "Environment") -> None:
    """Say now what every request would run into: no Keycloak there, or no such realm."""
    from doorward.errors import ConfigurationError
    from doorward.net import Fetcher, FetchFailed, FetchRequest
    from doorward.net.url import read_target

    behind, realm = settings["KEYCLOAK_UPSTREAM_URL"], settings["KEYCLOAK_REALM"]
    url = f"{behind}/realms/{realm}/.well-known/openid-configuration"
    fetcher = Fetcher(allow_private_hosts=frozenset({read_target(url).pair}))
    try:
        found = await fetcher.ask(url, FetchRequest(), limit=256 * 1024)
    except FetchFailed:
        output.note(f"Nobody answers at {behind} yet. Start Keycloak; until then, callers get 502.")
        return
    if found.status == 404:
        raise ConfigurationError(
            "no-such-realm",
            f"The Keycloak at {behind} has no realm {realm!r}.",
            "Set KEYCLOAK_REALM to a realm that it has, or import the tutorial's.",
        )


def _show(output: Any, one: Any) -> None:
    from dataclasses import asdict

    if output.as_json:
        _line(asdict(one))
        return
    took = f"{one.seconds * 1000:.0f} ms"
    why = "" if one.reason == "forwarded" else f" {one.reason}: {one.detail}"
    output.text(_fit(f"{one.status} {one.method} {one.path} {took}{why}"))


def _line(document: dict[str, Any]) -> None:
    import json

    from doorward.cli.plain_text import json_fit

    print(json_fit(json.dumps(document)), flush=True)


def _fit(text: str) -> str:
    from doorward.cli.plain_text import line

    return line(text)
