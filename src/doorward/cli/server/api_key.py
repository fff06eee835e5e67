"""``doorward api-key``: keys for callers that nobody signs in."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from doorward.cli.options import AsJson, examples

if TYPE_CHECKING:
    from doorward.tokens import ApiKey

app = typer.Typer(
    help="API keys that your server accepts beside tokens: make, list, revoke.",
    epilog=examples(
        "doorward api-key create --file keys.json --name nightly --scopes mcp:read --expires 90d",
        "doorward api-key list --file keys.json",
        "doorward api-key revoke --file keys.json ID",
    ),
    no_args_is_help=True,
)

File = Annotated[
    Path,
    typer.Option(
        "--file", help="The file with the keys, mode 0600; without any secret.", dir_okay=False
    ),
]


@app.command("create")
def create(
    file: File,
    name: Annotated[str, typer.Option(help="What the key is for, in your words.")],
    scopes: Annotated[str, typer.Option(help="What it reaches, separated by commas.")] = "",
    roles: Annotated[str, typer.Option(help="Its roles, separated by commas.")] = "",
    expires: Annotated[
        str, typer.Option(help="How long it lives: 8h, 90d. Every key ends.", metavar="SPAN")
    ] = "90d",
    as_json: AsJson = False,
) -> None:
    """
    Make a key and print it, once: only its hash is kept.

    Makes the file when there is none. A server that is running takes the key within a second.
    """
    from doorward.cli.output import Output
    from doorward.cli.typed import seconds, words
    from doorward.tokens import new_api_key
    from doorward.tokens.api_keys.key_file import write_keys

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
        output.note(f"Key {kept.id} until {_day(kept.expires_at)}. It is shown this once:")
        output.text(presented)


@app.command("list")
def list_keys(file: File, as_json: AsJson = False) -> None:
    """List the keys: their ids, what they reach, and whether they still do."""
    from doorward.cli.output import Output

    output = Output(as_json=as_json)
    with _edited(file) as keys:
        if as_json:
            output.document({"keys": [_document(key) for key in keys]})
            return
        output.rows(
            ["ID", "Name", "Scopes", "Roles", "Until", "State"],
            [
                (
                    key.id,
                    key.name,
                    " ".join(sorted(key.scopes)),
                    " ".join(sorted(key.roles)),
                    _day(key.expires_at),
                    _state(key),
                )
                for key in keys
            ],
        )


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as list shows it.")],
    file: File,
    as_json: AsJson = False,
) -> None:
    """Revoke a key for good. A server that is running refuses it within a second."""
    from doorward.cli.output import Output
    from doorward.cli.problems import UsageProblem
    from doorward.tokens.api_keys.key_file import write_keys
    from doorward.wire.shell_command import shell_command

    output = Output(as_json=as_json)
    with _edited(file) as keys:
        found = next((key for key in keys if key.id == key_id), None)
        if found is None:
            raise UsageProblem(
                "unknown-api-key",
                f"No key in {file} has the id {key_id!r}.",
                f"See: {shell_command('doorward', 'api-key', 'list', '--file', str(file))}",
            )
        # The first time stays: it says since when the key has not been good.
        revoked = found if found.revoked_at is not None else replace(found, revoked_at=time.time())
        write_keys(file, [revoked if key.id == key_id else key for key in keys])
        if as_json:
            output.document(_document(revoked))
            return
        output.note(f"Key {key_id} is revoked.")


@contextmanager
def _edited(file: Path, *, may_be_new: bool = False) -> Iterator[tuple["ApiKey", ...]]:
    """Give the keys, while nobody else on this machine edits them."""
    from doorward.client.storage.lock import briefly
    from doorward.errors import ConfigurationError
    from doorward.tokens.api_keys.key_file import read_keys, remove_left

    if not file.parent.is_dir():
        raise ConfigurationError(
            "no-api-keys",
            f"There is no folder {file.parent}.",
            "Make it first, open to the server's own user alone.",
        )
    # Without the lock, of two keys that are made at once one would be lost. It lies beside the file
    # itself: whoever comes by a link and whoever does not would else hold two locks.
    meant = file.resolve()
    with briefly(meant.with_name(f".{meant.name}.lock")):
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
    return "good" if time.time() < key.expires_at else "expired"


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
