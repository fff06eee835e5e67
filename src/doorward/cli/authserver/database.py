"""The database that a verb works on, from ``--database`` or ``--config``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.engine import URL

from doorward.authserver.refusals import StoreUnavailable
from doorward.authserver.store.database_url import file_of, parse_database_url
from doorward.authserver.store.engine import Store
from doorward.cli.problems import UsageProblem
from doorward.client.refusals import Unreachable
from doorward.config.load import load_authorization_server
from doorward.errors import ConfigurationError

ENVIRONMENT_VARIABLE = "DOORWARD_DATABASE"

DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        envvar=ENVIRONMENT_VARIABLE,
        help="The authorization server's database, such as sqlite:///doorward.db. Set the variable"
        " instead if the URL has a password: other users of this machine can read a command line.",
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="The file of doorward serve, instead of --database.",
        dir_okay=False,
    ),
]


@asynccontextmanager
async def opened(
    text: str | None, config: Path | None, *, may_be_new: bool = False
) -> AsyncIterator[Store]:
    """
    Give the store behind ``--database`` or ``--config``, with its tables; close it at the end.

    Raises:
        ConfigurationError: the file of ``--config`` cannot be used.
        UsageProblem: ``database-not-named``, ``not-a-database-url``, ``no-such-database`` or
            ``no-database-driver``.
        Unreachable: ``database-unavailable``.
    """
    password_file = None
    if config is not None:
        settings = load_authorization_server(config)
        text, password_file = settings.database_url, settings.database_password_file
    url = _url(text)
    if not may_be_new:
        _require_file(url)
    store = Store(url.render_as_string(hide_password=False), password_file)
    try:
        await store.start()
        yield store
    except StoreUnavailable as error:
        raise Unreachable(
            "database-unavailable",
            f"The database {url.render_as_string()} cannot be used ({error.detail}).",
            "Check that the database is running and that this account may write to it.",
        ) from None
    finally:
        await store.aclose()


def _url(text: str | None) -> URL:
    if text is None:
        raise UsageProblem(
            "database-not-named",
            "No database is named.",
            f"Add --database URL or --config FILE, or set {ENVIRONMENT_VARIABLE}.",
        )
    try:
        url = parse_database_url(text)
    except ConfigurationError:
        url = None
    # The URL is not shown: it can contain a password.
    if url is None or not url.database:
        raise UsageProblem(
            "not-a-database-url",
            "The value is not the URL of a SQLite or PostgreSQL database.",
            "Write, for example, sqlite:///doorward.db or postgresql://user@host/doorward.",
        )
    return url


def _require_file(url: URL) -> None:
    # SQLite creates a missing file. A mistyped name would then look like an empty server.
    file = file_of(url)
    if file is not None and not file.is_file():
        raise UsageProblem(
            "no-such-database",
            f"The database file {url.database} does not exist.",
            "Name the file that the server's database_url names.",
        )
