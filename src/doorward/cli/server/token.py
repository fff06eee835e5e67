"""``doorward token``: create a signed access token for local tests."""

from pathlib import Path
from typing import Annotated, Any

import typer

from doorward.cli.options import AsJson, examples
from doorward.cli.output import Output
from doorward.cli.problems import UsageProblem
from doorward.cli.running import fail
from doorward.cli.server.key_file import make_key, read_key
from doorward.cli.typed import seconds, words
from doorward.errors import DoorwardError
from doorward.testing.mint import TokenMint
from doorward.wire.address import require_issuer, require_resource

EPILOG = examples(
    "doorward token --username alice --scopes mcp:read,mcp:tools --generate-keys",
    "doorward token --username admin --scopes mcp:read,mcp:tools,mcp:prompts --roles admin",
    "doorward token --username alice --audience my-client-id --client-id my-client-id --algorithm RS256",
    "curl -H \"Authorization: Bearer $(doorward token --username guest --scopes '')\" ...",
)


def token(
    username: Annotated[str, typer.Option(help="The token's subject.")],
    scopes: Annotated[str, typer.Option(help="The token's scopes, separated by commas.")] = "",
    roles: Annotated[str, typer.Option(help="The token's roles, separated by commas.")] = "",
    audience: Annotated[
        str,
        typer.Option(
            help="The token's audience: the MCP server's resource URL, or a client id as some providers "
            "write it.",
        ),
    ] = "http://localhost:9000/mcp",
    issuer: Annotated[
        str, typer.Option(help="The issuer that the MCP server trusts.")
    ] = "http://localhost:9000",
    client_id: Annotated[str, typer.Option(help="The token's client id.")] = "cli",
    expires: Annotated[
        str, typer.Option(help="The token's lifetime, such as 90s, 30m, 8h or 2d.", metavar="SPAN")
    ] = "1h",
    key: Annotated[
        Path, typer.Option(help="The private key: a PEM file, mode 0600.", dir_okay=False)
    ] = Path("signing-key.pem"),
    generate_keys: Annotated[
        bool,
        typer.Option(
            "--generate-keys", help="Create the key if it is missing, and its JWKS beside it."
        ),
    ] = False,
    algorithm: Annotated[
        str, typer.Option(help="The algorithm of a new key: ES256, RS256 or EdDSA.")
    ] = "ES256",
    as_json: AsJson = False,
) -> None:
    """
    Create a signed access token for local tests.

    Prints only the token. A server accepts it if its JWKS contains the key: use the .jwks.json file
    that "--generate-keys" writes beside the key.
    """

    output = Output(as_json=as_json)
    try:
        _require_audience(audience)
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

    mint = TokenMint(require_issuer(issuer), key=key, client_id=client_id, lifetime=lifetime)
    said = mint.claims(**claims)
    return mint.sign(said), said


def _require_audience(audience: str) -> None:
    # RFC 7519 §4.1.3: a StringOrURI. Only a URL can be the wrong URL, such as plain http.
    if ":" in audience:
        require_resource(audience)
    elif not audience or not audience.isprintable() or " " in audience:
        raise UsageProblem(
            "malformed-audience",
            f"{audience!r} is not an audience.",
            "Give the MCP server's resource URL, or a client id.",
        )


def _key(output: Output, path: Path, algorithm: str, *, generate: bool) -> Any:

    if generate and not path.exists():
        for made in make_key(path, algorithm):
            output.note(f"wrote {made}")
    return read_key(path)
