"""``doorward token``: mint an access token for local tests."""

from pathlib import Path
from typing import Annotated, Any

import typer

from doorward.cli.options import AsJson, examples

EPILOG = examples(
    "doorward token --username alice --scopes mcp:read,mcp:tools --generate-keys",
    "doorward token --username admin --scopes mcp:read,mcp:tools,mcp:prompts --roles admin",
    "curl -H \"Authorization: Bearer $(doorward token --username guest --scopes '')\" ...",
)


def token(
    username: Annotated[str, typer.Option(help="Whom the token is for: its subject.")],
    scopes: Annotated[str, typer.Option(help="What it reaches, separated by commas.")] = "",
    roles: Annotated[str, typer.Option(help="The user's roles, separated by commas.")] = "",
    audience: Annotated[
        str, typer.Option(help="The MCP server that the token is for.")
    ] = "http://localhost:9000/mcp",
    issuer: Annotated[
        str, typer.Option(help="The issuer that the server trusts.")
    ] = "http://localhost:9000",
    client_id: Annotated[str, typer.Option(help="The client that the token was given to.")] = "cli",
    expires: Annotated[
        str, typer.Option(help="How long it lives: 90s, 30m, 8h, 2d.", metavar="SPAN")
    ] = "1h",
    key: Annotated[
        Path, typer.Option(help="The private key, a PEM file with mode 0600.", dir_okay=False)
    ] = Path("signing-key.pem"),
    generate_keys: Annotated[
        bool,
        typer.Option(
            "--generate-keys", help="Make the key if there is none, and its public set beside it."
        ),
    ] = False,
    algorithm: Annotated[
        str, typer.Option(help="What a new key signs with: ES256, RS256 or EdDSA.")
    ] = "ES256",
    as_json: AsJson = False,
) -> None:
    """
    Mint an access token with a key of your own, for local tests.

    Prints the token alone, so that it can be piped. A server accepts it when it trusts the key:
    give it the public set that "--generate-keys" wrote beside the key.
    """
    from doorward.cli.output import Output
    from doorward.cli.running import fail
    from doorward.cli.typed import seconds, words
    from doorward.errors import DoorwardError

    output = Output(as_json=as_json)
    try:
        signing_key = _key(output, key, algorithm, generate=generate_keys)
        claims = {
            "subject": username,
            "scopes": words(scopes),
            "roles": words(roles),
            "audience": audience,
        }
        minted, said = _mint(signing_key, issuer, client_id, seconds(expires), claims)
    except DoorwardError as error:
        fail(output, error)
        return
    if as_json:
        output.document({"access_token": minted, "token_type": "Bearer", "claims": said})
        return
    output.text(minted)


def _mint(
    key: Any, issuer: str, client_id: str, lifetime: int, claims: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    from doorward.testing.mint import TokenMint
    from doorward.wire.address import require_issuer, require_resource

    require_resource(claims["audience"])
    mint = TokenMint(require_issuer(issuer), key=key, client_id=client_id, lifetime=lifetime)
    said = mint.claims(**claims)
    return mint.sign(said), said


def _key(output: Any, path: Path, algorithm: str, *, generate: bool) -> Any:
    from doorward.cli.server.key_file import make_key, read_key

    if generate and not path.exists():
        for made in make_key(path, algorithm):
            output.note(f"wrote {made}")
    return read_key(path)
