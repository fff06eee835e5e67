"""Reads a configuration file, and builds its objects."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from doorward.authserver import AuthorizationServer, AuthServerSettings
from doorward.config.reading.build import database_url
from doorward.config.reading.document import Place, read_document
from doorward.config.reading.fields import FILE
from doorward.config.reading.tables import explained
from doorward.config.settings import (
    Configuration,
    McpServerSettings,
    require_grantable,
    resources_of,
)
from doorward.errors import ConfigurationError
from doorward.gateway.routes import require_address
from doorward.gateway.tools.pins import ToolPins, read_pins
from doorward.tokens import LocalKeys, TrustedIssuer

_LISTEN = ("127.0.0.1", 8000)


def load(path: Path) -> Configuration:
    """
    Return what the file at ``path`` says, completely checked.

    ```python
    configuration = load(Path("doorward.toml"))
    for one in configuration.mcp_servers:
        print(one.resource, "is forwarded to", one.upstream)
    ```

    Reads the file and the secrets that it names. Does not listen, and opens no database.

    Raises:
        ConfigurationError: with the file and the line of the setting, and what to change.
    """
    root = Place(read_document(path))
    values = FILE.read(root.value, root)
    servers = tuple(
        replace(
            one,
            policy_values=root.at("mcp_servers", number, "policy").value,
            accepted_tools=_accepted_tools(one, root.at("mcp_servers", number)),
        )
        for number, one in enumerate(values.pop("mcp_servers", ()))
    )
    own = values.pop("authorization_server", None)
    providers = values.pop("identity_providers", ())
    if own is None and providers:
        raise ConfigurationError(
            "providers-without-server",
            f"{root.at('identity_providers')} needs an authorization server, and there is none.",
            "Add [authorization_server], or set the issuer of each MCP server instead.",
        )
    if own is None and not servers:
        raise ConfigurationError(
            "nothing-to-serve",
            f"{root.file_line}: the file has neither [authorization_server] nor [[mcp_servers]].",
            "Add one of them, or write a new file with: doorward init.",
        )
    settings = None
    if own is not None:
        settings = _authorization_server({**own, "identity_providers": providers}, servers, root)
    for number, server in enumerate(servers):
        with explained(root.at("mcp_servers", number)):
            # A guard checks its settings when it is made. Its keys are not asked for.
            server.guard(None if settings is None else trusted_by(settings, server))
            _require_provider(server, settings)
            if server.upstream is not None:
                require_address(server.upstream)
            server.identity()
            if settings is not None:
                require_grantable(server, settings.resources)
    _require_distinct(servers, root)
    return Configuration(
        file=path,
        listen=values.pop("listen", _LISTEN),
        authorization_server=settings,
        mcp_servers=servers,
        **values,
    )


def _accepted_tools(server: McpServerSettings, place: Place) -> ToolPins | None:
    if server.tool_pins is None:
        return None
    with explained(place.at("tool_pins")):
        return read_pins(server.tool_pins)


def load_authorization_server(path: Path) -> AuthServerSettings:
    """
    Return the settings of the authorization server in the file at ``path``.

    ```python
    settings = load_authorization_server(Path("doorward.toml"))
    print(settings.issuer, sorted(settings.known_scopes))
    ```

    Raises:
        ConfigurationError: as ``load`` does, and ``no-authorization-server``.
    """
    settings = load(path).authorization_server
    if settings is None:
        raise ConfigurationError(
            "no-authorization-server",
            f"{path} has no [authorization_server].",
            "Name the file of the authorization server, or add the table.",
        )
    return settings


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[AuthorizationServer]:
    """
    Give the authorization server of the file at ``path``, with its store open, and close it.

    ```python
    async with opened(Path("doorward.toml")) as server:
        await server.users.add("alice", "correct horse battery", scopes={"mcp:read"})
    ```

    Raises:
        ConfigurationError: as ``load_authorization_server`` does, and ``no-database``.
        StoreUnavailable: the database cannot be reached.
    """
    settings = load_authorization_server(path)
    if settings.database_url is None:
        raise ConfigurationError(
            "no-database",
            f"{path} names no database, so its data is only in the process that serves it.",
            'Set database_url in [authorization_server], such as "sqlite:///doorward.db".',
        )
    server = AuthorizationServer(settings)
    await server.start()
    try:
        yield server
    finally:
        await server.aclose()


def _authorization_server(
    values: dict[str, Any], servers: tuple[McpServerSettings, ...], root: Place
) -> AuthServerSettings:
    place = root.at("authorization_server")
    if "database_url" in values:
        url = database_url(values["database_url"], place.at("database_url"))
        values["database_url"] = url.render_as_string(hide_password=False)
    if "secret_env" in values:
        values["secret"] = values.pop("secret_env")
    if "trusted_clients" in values:
        values["trust_client"] = values.pop("trusted_clients")
    with explained(place):
        resources = resources_of(values.pop("resources", ()), servers, values["issuer"])
        return AuthServerSettings(resources=resources, **values)


def trusted_by(settings: AuthServerSettings, server: McpServerSettings) -> TrustedIssuer:
    """Return our authorization server as an issuer that ``server`` trusts, without its keys."""
    return TrustedIssuer(
        issuer=settings.issuer,
        audience=server.resource,
        algorithms=(settings.signing_algorithm,),
        keys=LocalKeys(lambda: {"keys": []}),
    )


def _require_provider(server: McpServerSettings, own: AuthServerSettings | None) -> None:
    """Refuse what the MCP server can only get from our authorization server."""
    name = server.upstream_credentials.get("provider_token")
    if server.caller_assertion is not None and own is None:
        raise ConfigurationError(
            "assertion-without-server",
            "caller_assertion needs an authorization server to sign it, and there is none.",
            "Add [authorization_server], or use caller_headers.",
        )
    if "pasted_key" in server.upstream_credentials and (
        own is None or own.pasted_key(server.resource) is None
    ):
        raise ConfigurationError(
            "pasted-key-without-server",
            "pasted_key needs an authorization server on whose pages users paste it.",
            "Add [authorization_server], and let this MCP server trust it.",
        )
    exchange = server.upstream_credentials.get("exchange")
    if exchange is not None and not any(server.trusts(one) for one in exchange.subject_issuers):
        raise ConfigurationError(
            "exchange-without-callers",
            f"exchange is at {exchange.issuer!r}, and no caller has a token of it.",
            "Set the issuer of exchange to an issuer that this MCP server trusts.",
        )
    if name is not None and (own is None or own.identity_provider(name) is None):
        raise ConfigurationError(
            "unknown-identity-provider",
            f"upstream_credentials has the provider_token {name!r}, which is no identity provider.",
            "Use the name of one of the identity_providers.",
        )


def _require_distinct(servers: tuple[McpServerSettings, ...], root: Place) -> None:
    seen: set[str] = set()
    for number, server in enumerate(servers):
        if server.resource in seen:
            raise ConfigurationError(
                "resource-twice",
                f"{root.at('mcp_servers', number, 'resource')} is the resource of two servers.",
                "Give each MCP server its own public URL.",
            )
        seen.add(server.resource)
