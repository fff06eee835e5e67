"""Start Keycloak with the tutorial's realm, and say what was done."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from keycloak import distribution, realm
from keycloak.server import ADMIN, KeycloakServer
from keycloak.trouble import CannotStart

USERS = (
    ("mcp-admin", "admin123", "admin", "mcp:read mcp:tools mcp:prompts"),
    ("mcp-user", "user123", "user", "mcp:read mcp:tools"),
    ("mcp-readonly", "readonly123", "guest", "mcp:read"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run Keycloak until Ctrl-C; return the exit code."""
    options = read_options(arguments)
    try:
        return _prepare(options) if options.prepare else _serve(options)
    except CannotStart as problem:
        print(problem.problem, problem.hint, sep="\n", file=sys.stderr)
        if "Java" in problem.problem or "Maven" in problem.problem:
            print(f"Or use a container:\n  {container_line()}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line. ``mcp_server`` is the server that the realm is for."""
    parser = argparse.ArgumentParser(
        prog="keycloak/start.sh",
        description="Start a real Keycloak with the realm of the tutorial, on this machine alone.",
        epilog="KEYCLOAK_ADMIN_PASSWORD sets the administrator's password; without it one is made up.",
    )
    parser.add_argument("--port", type=_port, default=os.environ.get("KEYCLOAK_PORT", "8080"))
    parser.add_argument(
        "--resource",
        default=os.environ.get("MCP_RESOURCE", realm.RESOURCE),
        help="the MCP server's address, which tokens name as aud (default: %(default)s)",
    )
    parser.add_argument(
        "--scopes", default="", help="more scopes; everybody gets the first, guests only that one"
    )
    parser.add_argument("--roles", default="", help="more roles, for mcp-admin")
    parser.add_argument("--fresh", action="store_true", help="begin with an empty database")
    parser.add_argument(
        "--prepare", action="store_true", help="do what a first start needs, and stop"
    )
    parser.add_argument(
        "--container", action="store_true", help="print a line that starts the same in a container"
    )
    options = parser.parse_args(arguments)
    if options.container and (options.scopes or options.roles):
        parser.error(
            "--container starts the tutorial's realm as it is; leave out --scopes and --roles"
        )
    if options.container:
        print(container_line())
        parser.exit()
    options.mcp_server = realm.McpServer(
        options.resource, tuple(options.scopes.split()), tuple(options.roles.split())
    )
    return options


def _port(text: str) -> int:
    if text.isdecimal() and 0 < int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port; give a number from 1 to 65535")


def container_line() -> str:
    """Return a command for those who have a container engine and no Java."""
    return (
        f'docker run --rm -p 127.0.0.1:8080:8080 -v "{realm.FILE}:/opt/keycloak/data/import/{realm.NAME}-realm.json:ro"'
        f" -e KC_BOOTSTRAP_ADMIN_USERNAME={ADMIN} -e KC_BOOTSTRAP_ADMIN_PASSWORD"
        f" {distribution.CONTAINER} start-dev --import-realm"
    )


def _server(options: argparse.Namespace) -> KeycloakServer:
    return KeycloakServer(
        distribution.CACHE / "instances" / str(options.port),
        port=options.port,
        mcp_server=options.mcp_server,
        admin_password=os.environ.get("KEYCLOAK_ADMIN_PASSWORD") or None,
        fresh=options.fresh,
    )


def _prepare(options: argparse.Namespace) -> int:
    _server(options).prepare()
    print(f"Keycloak {distribution.VERSION} is ready to start, in {distribution.CACHE}.")
    return 0


def _serve(options: argparse.Namespace) -> int:
    server = _server(options)
    if not distribution.is_ready():
        print(f"Bringing Keycloak {distribution.VERSION} into {distribution.CACHE} (once) …")
    print("Starting Keycloak …", flush=True)
    # A closed terminal or a service manager ends it as Ctrl-C does, and no Java stays behind.
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupt)
    try:
        server.start()
        print(what_was_done(server), flush=True)
        return server.wait()
    finally:
        server.stop()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _people(mcp_server: realm.McpServer) -> str:
    lines = []
    for name, password, role, scopes in USERS:
        roles = [role, *(mcp_server.roles if name == realm.ADMINISTRATOR else ())]
        more = mcp_server.scopes[:1] if role == "guest" else mcp_server.scopes
        has = f"role {', '.join(roles)}, may have {' '.join([scopes, *more])}"
        lines.append(f"    {name} / {password}: {has}")
    return "\n".join(lines)


def what_was_done(server: KeycloakServer) -> str:
    """Return what the start prints: the addresses, the users and the clients of the realm."""
    people = _people(server.mcp_server)
    asked = ", ".join(["mcp:read", "mcp:tools", "mcp:prompts", *server.mcp_server.scopes])
    began = "The realm's file or a setting changed, so the database began anew.\n"
    return f"""\
{began if server.began_anew else ""}Keycloak {distribution.VERSION} listens on 127.0.0.1:{server.port}, for this machine alone.
  Issuer:   {server.issuer}
  Audience: {server.mcp_server.resource} stands in the aud of every token.
  Users, known to everybody who reads this:
{people}
  Clients:  mcp-test-client (public: browser and password), mcp-service (client credentials),
            mcp-server (exchanges tokens), downstream-api (what they are exchanged for).
  Anonymous registration is open to programs on this machine, for the scopes {asked};
  each of their users is asked for consent, and 200 clients is the most.
  Administrator: {server.url}/admin, user {ADMIN}, password in {server.password_file}.
Ctrl-C stops it."""


if __name__ == "__main__":
    sys.exit(main())
