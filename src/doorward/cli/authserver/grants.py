"""``doorward grants``: which clients have access to what, in whose name."""

import time
from typing import Annotated, Any

import typer
from sqlalchemy import ColumnElement, select, true, tuple_

from doorward.authserver.grants.active_grants import ActiveGrant, end_grants, list_active_grants
from doorward.authserver.provider_tokens.connections import list_connections
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.engine import Store
from doorward.authserver.store.rows.ended_tokens import end_connections
from doorward.authserver.store.rows.grants import has_active_grant, provider_sessions_of
from doorward.authserver.store.schema import grants, provider_connections, users
from doorward.authserver.upstream.sessions.sessions import end_unused_session
from doorward.authserver.users.users import canonical_username
from doorward.cli.authserver.database import ConfigFile, DatabaseUrl, opened
from doorward.cli.authserver.provider_tokens import revoke_ended_tokens, show_report
from doorward.cli.options import AsJson, examples
from doorward.cli.output import Output
from doorward.cli.plain_text import minute
from doorward.cli.problems import UsageProblem
from doorward.cli.running import run

EPILOG = examples(
    "doorward grants list --database sqlite:///doorward.db",
    "doorward grants list --user alice --json",
    "doorward grants end 5f0c1f7f4c0d4a0f8f0a3b1c2d3e4f50",
    "doorward grants end --user alice --client https://app.example/client.json",
)

UserFilter = Annotated[str | None, typer.Option("--user", help="Only grants of this user.")]
ClientFilter = Annotated[
    str | None, typer.Option("--client", metavar="ID", help="Only grants of this client.")
]


def list_grants(
    database: DatabaseUrl = None,
    config: ConfigFile = None,
    user: UserFilter = None,
    client: ClientFilter = None,
    as_json: AsJson = False,
) -> None:
    """
    List the grants in use.

    A grant is what one user allowed one installation of a client. With --json, the answer also has
    the accounts that users connected at identity providers, for the tools of a server.
    """
    output = Output(as_json=as_json)

    async def show() -> None:
        async with opened(database, config) as store:
            conditions = await _conditions(store, user, client)
            async with store.reading() as connection:
                found = await list_active_grants(connection, time.time(), *conditions)
                # An account is connected for a server, and not for a client.
                mine = () if user is None else (users.c.username == canonical_username(user),)
                connected = await list_connections(connection, *mine) if client is None else ()
        if as_json:
            output.document(
                {
                    "grants": [_document(grant) for grant in found],
                    "connections": [vars(one) for one in connected],
                }
            )
            return
        output.rows(
            ["ID", "User", "Client", "Name", "Resource", "Scopes", "Browser", "Since", "Last used"],
            [_row(grant) for grant in found],
        )

    run(output, show)


def end(
    grant_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help='Grant ids, from "doorward grants list".'),
    ] = None,
    database: DatabaseUrl = None,
    config: ConfigFile = None,
    user: UserFilter = None,
    client: ClientFilter = None,
    every: Annotated[bool, typer.Option("--all", help="End the grants of all users.")] = False,
    as_json: AsJson = False,
) -> None:
    """
    End grants, and revoke all tokens of them.

    Name grants, a user, a client, or --all. Guards that share the database refuse the tokens within
    two seconds. The clients have to sign in again. An account that a user connected for a server is
    disconnected with the last grant for it. Tokens of identity providers are revoked there: now with
    --config, else by the running server.
    """
    output = Output(as_json=as_json)

    async def revoke() -> None:
        _require_one_choice(grant_ids or [], user, client, every=every)
        async with opened(database, config) as store:
            conditions = await _conditions(store, user, client)
            if grant_ids:
                conditions.append(grants.c.id.in_(grant_ids))
            which = _all_of(conditions)

            async def end(connection: Connection) -> int:
                if grant_ids:
                    await _require_known(connection, grant_ids)
                # One statement for all of them: a list read before could be incomplete by now.
                return await _end(connection, which, time.time())

            ended = await store.write(end)
            report = await revoke_ended_tokens(store, config)
        if as_json:
            output.document({"ended": ended, "provider_tokens": vars(report)})
            return
        output.note(f"{ended} {'grant is' if ended == 1 else 'grants are'} ended.")
        show_report(output, report)

    run(output, revoke)


async def _end(connection: Connection, which: ColumnElement[bool], now: float) -> int:
    """End grants, with the sessions and connections that no other grant uses."""
    at_provider = await provider_sessions_of(connection, which)
    audiences = select(grants.c.user_id, grants.c.resource).where(which)
    ended = await end_grants(connection, which, "ended-by-operator", now)
    for session_id in at_provider:
        await end_unused_session(connection, session_id, now)
    table = provider_connections.c
    of_ended = tuple_(table.user_id, table.resource).in_(audiences)
    in_use = has_active_grant(table.user_id, table.resource, now)
    await end_connections(connection, of_ended & ~in_use, now)
    return ended


def _require_one_choice(
    grant_ids: list[str], user: str | None, client: str | None, *, every: bool
) -> None:
    choices = [bool(grant_ids), user is not None or client is not None, every]
    if choices.count(True) != 1:
        raise UsageProblem(
            "grants-not-chosen",
            "Expected grant ids, or --user and --client, or --all.",
            "List the grants: doorward grants list",
        )


async def _conditions(
    store: Store, username: str | None, client: str | None
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if username is not None:
        async with store.reading() as connection:
            same = users.c.username == canonical_username(username)
            user_id = (await connection.execute(select(users.c.id).where(same))).scalar()
        if user_id is None:
            raise unknown_user(username)
        conditions.append(grants.c.user_id == user_id)
    if client is not None:
        conditions.append(grants.c.client_id == client)
    return conditions


def unknown_user(username: str) -> UsageProblem:
    """Return the problem that no user has that name."""
    return UsageProblem(
        "no-such-user",
        f"No user has the name {username!r}.",
        "List the users: doorward users list",
    )


async def _require_known(connection: Connection, grant_ids: list[str]) -> None:
    found = await connection.execute(select(grants.c.id).where(grants.c.id.in_(grant_ids)))
    unknown = set(grant_ids) - {row.id for row in found}
    if unknown:
        raise UsageProblem(
            "unknown-grant",
            f"No grant has the id {min(unknown)!r}. Nothing was ended.",
            "List the ids: doorward grants list",
        )


def _all_of(conditions: list[ColumnElement[bool]]) -> ColumnElement[bool]:
    which: ColumnElement[bool] = true()
    for condition in conditions:
        which &= condition
    return which


def _document(grant: ActiveGrant) -> dict[str, Any]:
    return {**vars(grant), "scopes": list(grant.scopes)}


def _row(grant: ActiveGrant) -> tuple[str, ...]:
    return (
        grant.id,
        grant.username,
        grant.client_id,
        grant.client_name or "",
        grant.resource,
        " ".join(grant.scopes),
        grant.browser or "",
        minute(grant.created_at),
        minute(grant.last_used_at),
    )
