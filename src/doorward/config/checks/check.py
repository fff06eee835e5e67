"""Checks a configuration file without serving it: files, database, addresses, providers, clock."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

from sqlalchemy.engine import make_url

from doorward.authserver import AuthServerSettings
from doorward.authserver.refusals import StoreUnavailable
from doorward.authserver.store.engine import Store
from doorward.config.checks.findings import Finding, failed, ok, warning
from doorward.config.checks.remote_checks import RemoteChecks
from doorward.config.load import load
from doorward.config.settings import Configuration
from doorward.errors import ConfigurationError
from doorward.net import Clock, Fetcher
from doorward.net.http.url import read_target
from doorward.private_file import Exposed, read_private
from doorward.wire.shell_command import shell_command


async def check_file(
    path: Path, *, fetcher: Fetcher | None = None, clock: Clock = time.time
) -> AsyncIterator[Finding]:
    """
    Yield a finding for each check of the file at ``path``.

    Creates and changes nothing. A file that cannot be read is one finding, and the last.
    """
    try:
        configuration = await asyncio.to_thread(load, path)
    except ConfigurationError as error:
        yield failed("file", error.problem, error.hint)
        return
    yield ok("file", f"{path} is complete.")
    own = configuration.authorization_server
    if own is not None:
        yield _secret(own)
        yield await _database(own)
    remote = RemoteChecks(fetcher or Fetcher(allow_private_hosts=_hosts(configuration)), clock)
    for check in remote.all(configuration):
        yield await check


def _secret(settings: AuthServerSettings) -> Finding:
    setting = "authorization_server.secret_file"
    path = settings.secret_file
    if path is None:
        return ok(setting, "The secret is in the environment.")
    if not path.exists():
        return _to_be_created(setting, path, "The secret file")
    try:
        read_private(path)
    except Exposed as found:
        return failed(
            setting,
            f"Other accounts can read or change {path} (mode {found.mode}).",
            f"Run: {shell_command('chmod', '600', str(path))}",
        )
    except OSError as error:
        return failed(
            setting, f"{path} cannot be read: {error.strerror}.", "Let this account read it."
        )
    return ok(setting, f"Only this account can read {path}.")


def _to_be_created(setting: str, path: Path, what: str) -> Finding:
    if os.access(path.parent, os.W_OK):
        return ok(setting, f"{what} {path} is created at the first start.")
    return failed(
        setting,
        f"{what} {path} does not exist and cannot be created.",
        f"Create the folder {path.parent}, writable for this account.",
    )


async def _database(settings: AuthServerSettings) -> Finding:
    setting = "authorization_server.database_url"
    if settings.database_url is None:
        return warning(
            setting,
            "No database is set, so users, clients and grants are lost at each stop.",
            'Set database_url, such as "sqlite:///doorward.db".',
        )
    url = make_url(settings.database_url)
    file = Path(url.database or "")
    # Opening it would create it.
    if url.drivername.startswith("sqlite") and not await asyncio.to_thread(file.exists):
        return _to_be_created(setting, file, "The database")
    shown = url.render_as_string(hide_password=True)
    try:
        state = await _state(settings)
    except ConfigurationError as error:
        return failed(setting, error.problem, error.hint)
    except StoreUnavailable as error:
        return failed(
            setting,
            f"The database {shown} cannot be reached ({error.detail}).",
            "Start it, and check the address, the account and its permissions.",
        )
    return ok(setting, f"The database {shown} is {state}.")


async def _state(settings: AuthServerSettings) -> str:
    store = Store(settings.database_url, settings.database_password_file)
    try:
        return await store.schema_state()
    finally:
        await store.aclose()


def _hosts(configuration: Configuration) -> frozenset[str]:
    """Return the hosts that the operator configured, which may be private."""
    urls: list[str | None] = []
    if (own := configuration.authorization_server) is not None:
        urls.append(own.issuer)
        for provider in own.identity_providers:
            urls += [provider.issuer, provider.internal_url]
    for server in configuration.mcp_servers:
        urls += [server.resource, server.upstream]
        for issuer in server.issuers:
            urls += [issuer.issuer, issuer.internal_url, issuer.jwks_uri]
    return frozenset(read_target(url).host_port for url in urls if url is not None)
