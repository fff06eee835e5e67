"""``doorward clients``: who may send people here to sign in."""

import time
from typing import Annotated, Any

import typer
from sqlalchemy import insert, select

from doorward.authserver.client_auth_methods import find_auth_method
from doorward.authserver.clients.listing import ListedClient, list_clients
from doorward.authserver.clients.rows import operator_row, remove_client
from doorward.authserver.keys.secrets import new_secret
from doorward.authserver.settings.configured_client import ConfiguredClient, require_client
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.schema import clients
from doorward.cli.authserver.database import ConfigFile, DatabaseUrl, opened
from doorward.cli.options import AsJson, examples
from doorward.cli.output import Output
from doorward.cli.plain_text import minute
from doorward.cli.problems import UsageProblem
from doorward.cli.running import run
from doorward.wire.oauth.redirect_uri import EDITOR_SCHEMES

EPILOG = examples(
    "doorward clients list --database sqlite:///doorward.db",
    "doorward clients add desk --redirect-uri https://desk.example/callback --name Desk",
    "doorward clients add web --redirect-uri https://app.example/cb"
    " --auth-method client_secret_basic",
    "doorward clients remove desk --json",
)

ClientId = Annotated[
    str, typer.Argument(metavar="ID", help='The client\'s id, as "doorward clients list" shows it.')
]


def list_all(
    database: DatabaseUrl = None, config: ConfigFile = None, as_json: AsJson = False
) -> None:
    """
    List the clients: registered, added, configured, and client ID documents in use.

    Clients that registered with equal metadata are one row.
    """
    output = Output(as_json=as_json)

    async def show() -> None:
        async with opened(database, config) as store, store.reading() as connection:
            found = await list_clients(connection, time.time())
        if as_json:
            output.document({"clients": [_document(client) for client in found]})
            return
        output.rows(
            ["ID", "Origin", "Name", "Authentication", "Redirect URIs", "Grants", "Last used"],
            [_row(client) for client in found],
        )

    run(output, show)


def add(
    client_id: Annotated[str, typer.Argument(metavar="ID", help="An id of your choice.")],
    redirect_uris: Annotated[
        list[str], typer.Option("--redirect-uri", metavar="URI", help="One or several.")
    ],
    database: DatabaseUrl = None,
    config: ConfigFile = None,
    name: Annotated[str | None, typer.Option(help="The name on the consent page.")] = None,
    auth_method: Annotated[
        str, typer.Option(help="none, client_secret_basic or client_secret_post.")
    ] = "none",
    as_json: AsJson = False,
) -> None:
    """
    Add a client that does not register itself.

    Prints the secret once, if the client has one; the database has only its hash. A running server
    accepts the client at once.
    """
    output = Output(as_json=as_json)

    async def store_client() -> None:
        method = find_auth_method(auth_method)
        secret = new_secret() if method is not None and method.confidential else None
        # An unknown method is refused with the methods that exist.
        client = ConfiguredClient(
            client_id=client_id,
            redirect_uris=tuple(redirect_uris),
            secret=secret,
            name=name,
            auth_method=auth_method,  # type: ignore[arg-type]
        )
        require_client(client, EDITOR_SCHEMES)
        async with opened(database, config, may_be_new=True) as store:
            await store.exclusive(lambda connection: _add(connection, client))
        _show_added(output, client)

    run(output, store_client)


def remove(
    client_id: ClientId,
    database: DatabaseUrl = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """
    Remove a client with its consents, and revoke its tokens.

    The id of a registration removes all clients that registered with its metadata.
    """
    output = Output(as_json=as_json)

    async def delete() -> None:
        async with opened(database, config) as store:
            await store.write(lambda connection: _remove(connection, client_id))
        if as_json:
            output.document({"client_id": client_id, "state": "removed"})
            return
        output.note(f"Client {client_id} is removed.")

    run(output, delete)


async def _add(connection: Connection, client: ConfiguredClient) -> None:
    same = select(clients.c.client_id).where(clients.c.client_id == client.client_id)
    if (await connection.execute(same)).one_or_none() is not None:
        raise UsageProblem(
            "client-exists",
            f"There is a client {client.client_id!r} already.",
            "Choose another id, or remove that client first: doorward clients remove",
        )
    await connection.execute(insert(clients).values(**operator_row(client, "added", time.time())))


async def _remove(connection: Connection, client_id: str) -> None:
    origin = select(clients.c.origin).where(clients.c.client_id == client_id)
    if (await connection.execute(origin)).scalar_one_or_none() == "configured":
        raise UsageProblem(
            "client-configured",
            f"Client {client_id!r} is in the settings of the server.",
            "Remove it from the setting clients, and restart the server.",
        )
    if not await remove_client(connection, client_id, time.time()):
        raise UsageProblem(
            "no-such-client",
            f"No client has the id {client_id!r}.",
            "List the clients: doorward clients list",
        )


def _show_added(output: Output, client: ConfiguredClient) -> None:
    if output.as_json:
        document = {"client_id": client.client_id, "auth_method": client.auth_method}
        output.document(document | ({"client_secret": client.secret} if client.secret else {}))
        return
    output.note(f"Client {client.client_id} is added.")
    if client.secret:
        output.note("Its secret is not shown again:")
        output.text(client.secret)


def _document(client: ListedClient) -> dict[str, Any]:
    return {**vars(client), "redirect_uris": list(client.redirect_uris)}


def _row(client: ListedClient) -> tuple[str, ...]:
    return (
        client.client_id,
        client.origin,
        client.name or "",
        client.auth_method or "",
        " ".join(client.redirect_uris),
        str(client.grants),
        minute(client.used_at),
    )
