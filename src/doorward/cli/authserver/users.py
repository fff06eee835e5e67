"""``doorward users``: the people who sign in with a password of this server."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from doorward.authserver.users.listing import ListedUser, list_users
from doorward.authserver.users.users import User, Users, canonical_username
from doorward.cli.authserver.database import ConfigFile, DatabaseUrl, opened
from doorward.cli.authserver.grants import unknown_user
from doorward.cli.authserver.passwords import read_password
from doorward.cli.authserver.provider_tokens import revoke_ended_tokens, show_report
from doorward.cli.options import AsJson, examples
from doorward.cli.output import Output
from doorward.cli.plain_text import minute
from doorward.cli.problems import UsageProblem
from doorward.cli.running import run
from doorward.cli.typed import words

EPILOG = examples(
    "doorward users add alice --scopes mcp:read,mcp:tools --database sqlite:///doorward.db",
    "doorward users add ci --password-file ci.password --replace",
    "doorward users list --json",
    "doorward users disable alice",
    "doorward users enable alice",
    "doorward users remove alice",
)

Username = Annotated[str, typer.Argument(metavar="USERNAME", help="The user's name.")]


def list_all(
    database: DatabaseUrl = None, config: ConfigFile = None, as_json: AsJson = False
) -> None:
    """List the users, with their scopes and roles."""
    output = Output(as_json=as_json)

    async def show() -> None:
        async with opened(database, config) as store, store.reading() as connection:
            found = await list_users(connection)
        if as_json:
            output.document({"users": [_document(user) for user in found]})
            return
        output.rows(
            ["Username", "Name", "Scopes", "Roles", "Password", "State", "Since"],
            [_row(user) for user in found],
        )

    run(output, show)


def add(
    username: Username,
    database: DatabaseUrl = None,
    config: ConfigFile = None,
    scopes: Annotated[
        str, typer.Option(help="The most that clients can get, separated by commas.")
    ] = "",
    roles: Annotated[str, typer.Option(help="The user's roles, separated by commas.")] = "",
    name: Annotated[str | None, typer.Option(help="The name that pages and tokens show.")] = None,
    email: Annotated[
        str | None, typer.Option(help="The e-mail address; OpenID clients take it for verified.")
    ] = None,
    password_file: Annotated[
        Path | None,
        typer.Option(help="A file with the password, or - for standard input.", dir_okay=False),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Change the user if there is one of this name.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """
    Add a user with a password.

    Asks for the password on a terminal, and else reads the first line of standard input.
    """
    output = Output(as_json=as_json)

    async def store_user() -> None:
        given = words(scopes), words(roles)
        async with opened(database, config, may_be_new=True) as store:
            users = Users(store, time.time)
            found = await users.find(username)
            _require_addable(username, found, replace=replace)
            await users.add(username, read_password(password_file), *given, name, email)
            async with store.reading() as connection:
                (kept,) = await list_users(connection, username)
        if as_json:
            output.document(_document(kept))
            return
        output.note(f"User {kept.username} is {'added' if found is None else 'changed'}.")
        if not kept.scopes:
            output.note(
                "Without scopes, every client that requests one is refused. To change that, use "
                "--replace and --scopes."
            )

    run(output, store_user)


def disable(
    username: Username,
    database: DatabaseUrl = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """
    Disable a user: end all sessions and revoke all tokens.

    The user, the scopes and the password stay. Connected accounts end, and tokens of identity
    providers are revoked there: now with --config, else by the running server.
    """
    _change(username, database, config, "disabled", as_json=as_json)


def enable(
    username: Username,
    database: DatabaseUrl = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """
    Let a disabled user sign in again.

    Tokens that were revoked stay revoked.
    """
    _change(username, database, config, "enabled", as_json=as_json)


def remove(
    username: Username,
    database: DatabaseUrl = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """
    Remove a user, with all sessions, consents, grants and connected accounts.

    Tokens of identity providers are revoked there: now with --config, else by the running server.
    """
    _change(username, database, config, "removed", as_json=as_json)


def _change(
    username: str, database: str | None, config: Path | None, done: str, *, as_json: bool
) -> None:
    output = Output(as_json=as_json)

    async def change() -> None:
        async with opened(database, config) as store:
            users = Users(store, time.time)
            if await users.find(username) is None:
                raise unknown_user(username)
            actions = {"disabled": users.disable, "enabled": users.enable, "removed": users.remove}
            await actions[done](username)
            report = await revoke_ended_tokens(store, config)
        if as_json:
            changed = {"username": canonical_username(username), "state": done}
            output.document(
                changed if done == "enabled" else {**changed, "provider_tokens": vars(report)}
            )
            return
        output.note(f"User {canonical_username(username)} is {done}.")
        show_report(output, report)

    run(output, change)


def _require_addable(username: str, found: User | None, *, replace: bool) -> None:
    if found is None:
        return
    if not replace:
        raise UsageProblem(
            "user-exists",
            f"There is a user {found.username!r} already.",
            "Add --replace to change the password, the scopes and the roles.",
        )
    # Changing a password must not let somebody in again whom an operator has shut out.
    if found.disabled:
        raise UsageProblem(
            "user-disabled",
            f"The user {username!r} is disabled.",
            "Enable the user first: doorward users enable",
        )


def _document(user: ListedUser) -> dict[str, Any]:
    return {**vars(user), "scopes": list(user.scopes), "roles": list(user.roles)}


def _row(user: ListedUser) -> tuple[str, ...]:
    return (
        user.username,
        user.display_name or "",
        " ".join(user.scopes),
        " ".join(user.roles),
        "yes" if user.has_password else "no",
        "disabled" if user.disabled else "enabled",
        minute(user.created_at),
    )
