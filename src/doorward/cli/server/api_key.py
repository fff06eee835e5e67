"""``doorward api-key``: keys for callers that cannot sign in."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from doorward.cli.options import AsJson, examples
from doorward.cli.output import Output
from doorward.cli.plain_text import minute
from doorward.cli.problems import UsageProblem
from doorward.cli.typed import seconds, words
from doorward.client.storage.lock import blocking_lock
from doorward.errors import ConfigurationError
from doorward.tokens import ApiKey, new_api_key
from doorward.tokens.api_keys.key_file import read_keys, remove_left, write_keys
from doorward.wire.shell_command import shell_command

EPILOG = examples(
    "doorward api-key create --file keys.json --name nightly --scopes mcp:read --expires 90d",
    "doorward api-key list --file keys.json",
    "doorward api-key revoke --file keys.json ID",
)

File = Annotated[
    Path,
    typer.Option("--file", help="The file with the key hashes, mode 0600.", dir_okay=False),
]


def create(
    file: File,
    name: Annotated[str, typer.Option(help="A label for the key.")],
    scopes: Annotated[str, typer.Option(help="The key's scopes, separated by commas.")] = "",
    roles: Annotated[str, typer.Option(help="The key's roles, separated by commas.")] = "",
    expires: Annotated[
        str, typer.Option(help="The key's lifetime, such as 8h or 90d.", metavar="SPAN")
    ] = "90d",
    as_json: AsJson = False,
) -> None:
    """
    Create an API key.

    Prints the key once; the file stores only its hash, and is created if missing. A running server
    accepts the key within a second.
    """

    output = Output(as_json=as_json)
    with _edited(file, may_be_new=True) as keys:
        presented, kept = new_api_key(
            name=name,
            now=time.time(),
            lifetime=seconds(expires),
            scopes=words(scopes),
            roles=words(roles),
        )
        write_keys(file, [*keys, kept])
        if as_json:
            output.document({"api_key": presented, **_document(kept)})
            return
        output.note(f"Key {kept.id}, expires {minute(kept.expires_at)}. It is not shown again:")
        output.text(presented)


def list_keys(file: File, as_json: AsJson = False) -> None:
    """List the API keys in a file."""

    output = Output(as_json=as_json)
    with _edited(file) as keys:
        if as_json:
            output.document({"keys": [_document(key) for key in keys]})
            return
        output.rows(
            ["ID", "Name", "Scopes", "Roles", "Expires", "State"],
            [
                (
                    key.id,
                    key.name,
                    " ".join(sorted(key.scopes)),
                    " ".join(sorted(key.roles)),
                    minute(key.expires_at),
                    _state(key),
                )
                for key in keys
            ],
        )


def revoke(
    key_id: Annotated[
        str, typer.Argument(metavar="ID", help='The key\'s id, from "doorward api-key list".')
    ],
    file: File,
    as_json: AsJson = False,
) -> None:
    """
    Revoke an API key for good.

    A running server refuses it within a second.
    """

    output = Output(as_json=as_json)
    with _edited(file) as keys:
        found = next((key for key in keys if key.id == key_id), None)
        if found is None:
            raise UsageProblem(
                "unknown-api-key",
                f"No key in {file} has the id {key_id!r}.",
                f"List the ids: {shell_command('doorward', 'api-key', 'list', '--file', str(file))}",
            )
        # A second revocation keeps the first date.
        revoked = found if found.revoked_at is not None else replace(found, revoked_at=time.time())
        write_keys(file, [revoked if key.id == key_id else key for key in keys])
        if as_json:
            output.document(_document(revoked))
            return
        output.note(f"Key {key_id} is revoked.")


@contextmanager
def _edited(file: Path, *, may_be_new: bool = False) -> Iterator[tuple["ApiKey", ...]]:
    """Yield the keys in ``file`` under a lock against other writers on this machine."""

    if not file.parent.is_dir():
        raise ConfigurationError(
            "no-api-keys",
            f"The folder {file.parent} does not exist.",
            "Create it, readable only by the server's user.",
        )
    # Without the lock, two keys created at once would overwrite each other. The lock is beside the
    # resolved file: otherwise a symbolic link would have a second lock.
    meant = file.resolve()
    with blocking_lock(meant.with_name(f".{meant.name}.lock")):
        remove_left(meant)
        yield () if may_be_new and not file.exists() else read_keys(file)


def _document(key: "ApiKey") -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "roles": sorted(key.roles),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "state": _state(key),
    }


def _state(key: "ApiKey") -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "active" if time.time() < key.expires_at else "expired"
