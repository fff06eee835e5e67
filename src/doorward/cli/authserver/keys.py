"""``doorward keys``: the keys of an authorization server."""

from pathlib import Path
from typing import Annotated

import typer

from doorward.authserver import AuthorizationServer
from doorward.authserver.refusals import StoreUnavailable
from doorward.cli.options import AsJson, examples
from doorward.cli.output import Output
from doorward.cli.running import run
from doorward.client.refusals import Unreachable
from doorward.config.load import load_authorization_server

EPILOG = examples(
    "doorward keys rotate --config doorward.toml",
    "doorward keys rotate --config doorward.toml --json",
)


def rotate(
    config: Annotated[
        Path,
        typer.Option(
            "--config", metavar="FILE", help="The file of doorward serve.", dir_okay=False
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """
    Replace the keys that sign access tokens and encrypt provider tokens.

    Nobody is logged out. Old access tokens stay valid until they expire. The new signing key is
    published at once and signs two minutes later, when all servers and caches have it.
    """
    output = Output(as_json=as_json)

    async def replace() -> None:
        server = AuthorizationServer(load_authorization_server(config))
        try:
            await server.start()
            rotated = await server.rotate_keys()
        except StoreUnavailable as error:
            raise Unreachable(
                "database-unavailable",
                f"The database of {config} cannot be used ({error.detail}).",
                "Check that the database is running and that this account may write to it.",
            ) from None
        finally:
            await server.aclose()
        if as_json:
            output.document(vars(rotated))
            return
        output.note(
            f"The new key {rotated.signing_key} is published, and signs access tokens in two minutes."
        )
        output.note(
            f"Provider tokens of {rotated.sessions} sessions are encrypted with the new key"
            f" {rotated.sealing_key}."
        )

    run(output, replace)
