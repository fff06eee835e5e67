"""What steps 9 to 11 need and do not teach: a provider's settings, and the process."""

import argparse
import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from urllib.parse import urlsplit

from starlette.types import ASGIApp

from doorward.errors import ConfigurationError
from doorward.gateway.env_file import read_environment
from doorward.idp import find
from doorward.net import Fetcher, FetchFailed, FetchRequest
from doorward.net.http.certificates import certificate_problem
from doorward.net.http.url import read_target
from doorward.serving import listen, serve
from doorward.tokens import TokenProfile, TrustedIssuer
from doorward.wire.oauth.server_metadata import metadata_urls

__all__ = ["Provider", "fetcher_of", "issuer_of", "read_provider", "run"]

ENV_FILE = "keycloak_direct.env"
DEFAULTS = {
    "KEYCLOAK_URL": "http://localhost:8080",
    "KEYCLOAK_REALM": "mcp-realm",
    "MCP_SERVER_URL": "http://localhost:9000",
    "JWT_ISSUER": "{KEYCLOAK_URL}/realms/{KEYCLOAK_REALM}",
    "JWT_AUDIENCE": "{MCP_SERVER_URL}/mcp",
}
# Of another provider than Keycloak, nothing can be guessed.
ANY_PROVIDER = {
    "IDP": "",
    "ISSUER": "",
    "MCP_SERVER_URL": "http://localhost:9000",
    "JWT_AUDIENCE": "{MCP_SERVER_URL}/mcp",
}


@dataclass(frozen=True, kw_only=True)
class Provider:
    """Who issues the tokens, how they write them, and whom they must be for."""

    title: str
    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    profile: TokenProfile
    address: str


def read_provider(
    env: Path | None, process: Mapping[str, str], say: Callable[[str], object] = print
) -> Provider:
    """
    Return what the file `env` and the process's own environment say; `say` hears of every default.

    Raises:
        ConfigurationError: the file is no list of settings, or names a provider without its issuer.
    """
    any_provider = read_environment(env, ANY_PROVIDER, process)
    idp, issuer = any_provider["IDP"] or "keycloak", any_provider["ISSUER"]
    settings = any_provider
    if idp == "keycloak" and not issuer:
        settings = read_environment(env, DEFAULTS, process)
        issuer = settings["JWT_ISSUER"]
    for note in settings.notes:
        say(note)
    preset = find(idp)
    if not issuer:
        raise ConfigurationError(
            "no-issuer",
            f"IDP is {idp}, and ISSUER is not set.",
            f"Set ISSUER to the provider's issuer, which looks like {preset.issuer}.",
        )
    if preset.profile is None:
        raise ConfigurationError(
            "opaque-tokens",
            f"Access tokens of {preset.title} are no JWTs, and this step reads nothing else.",
            "Guard(idp=…, introspection=…) looks such tokens up; see doorward idp show.",
        )
    return Provider(
        title=preset.title,
        issuer=issuer,
        audience=settings["JWT_AUDIENCE"],
        algorithms=preset.algorithms,
        profile=preset.profile,
        address=settings["MCP_SERVER_URL"],
    )


def issuer_of(env: Path) -> TrustedIssuer:
    """
    Return the provider in the file `env` as an issuer to trust; the toolkit fetches its keys.

    Raises:
        ConfigurationError: as `read_provider`.
    """
    provider = read_provider(env, os.environ)
    return TrustedIssuer(
        issuer=provider.issuer,
        audience=provider.audience,
        algorithms=provider.algorithms,
        profile=provider.profile,
    )


def fetcher_of(issuer: str) -> Fetcher:
    """Return a fetcher that goes to public addresses, and to the issuer wherever it is."""
    return Fetcher(allow_private_hosts=frozenset({read_target(issuer).host_port}))


async def look(provider: Provider, say: Callable[[str], object] = print) -> None:
    """
    Ask the provider for its metadata once, so that what is wrong is known now.

    A provider that does not answer is no reason to stop: it may start after this server.

    Raises:
        ConfigurationError: it answers, and knows of no such issuer.
    """
    statuses = set()
    try:
        for url in metadata_urls(provider.issuer):
            answer = await fetcher_of(provider.issuer).send(url, FetchRequest(), limit=256 * 1024)
            statuses.add(answer.status)
    except FetchFailed as failure:
        if why := certificate_problem(failure):
            say(
                f"The certificate of {provider.issuer} is not trusted: {why}. Set SSL_CERT_FILE to a PEM "
                "file with the certificate of its authority, and start again."
            )
            return
        say(
            f"Nobody answers at {provider.issuer} yet. Start {provider.title}; until then, "
            "every caller gets 503."
        )
        return
    if statuses == {404}:
        raise ConfigurationError(
            "no-such-realm",
            f"{provider.title} answers, and knows no {provider.issuer}.",
            "Set KEYCLOAK_REALM (or ISSUER) to one that it has; keycloak/start.sh brings mcp-realm.",
        )


def run(create_app: Callable[[Provider], ASGIApp], argv: list[str] | None = None) -> None:
    """Serve what `create_app` makes of the settings, or end the process with one sentence."""
    parser = argparse.ArgumentParser(description=(create_app.__doc__ or "").strip())
    parser.add_argument("--env", type=Path, default=Path(ENV_FILE), help="a file with settings")
    parser.add_argument("--port", type=int, help="on localhost (default: that of MCP_SERVER_URL)")
    options = parser.parse_args(argv)
    try:
        provider = read_provider(options.env, os.environ)
        app = create_app(provider)
        sockets = listen(options.port or urlsplit(provider.address).port or 9000)
        asyncio.run(_serve(app, provider, sockets))
    except ConfigurationError as problem:
        raise SystemExit(f"{problem.problem} {problem.hint}") from None


async def _serve(app: ASGIApp, provider: Provider, sockets: list[socket]) -> None:
    try:
        await look(provider)
        print(f"Tokens come from {provider.issuer}.")
        print(f"Listening on {provider.address}, for this machine only.", flush=True)
        await serve(app, sockets)
    finally:
        for sock in sockets:
            sock.close()
