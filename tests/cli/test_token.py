"""``doorward token``: the seed's token script in one verb."""

import json
import stat
from pathlib import Path

import jwt
import pytest

from doorward import TrustedIssuer
from doorward.idp import ASGARDEO
from doorward.testing import SigningAlgorithm
from doorward.tokens import Verifier
from doorward.tokens.jwt.local_keys import LocalKeys
from tests.cli.conftest import Command


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
def test_a_minted_token_verifies_and_is_the_only_output(
    doorward: Command, tmp_path: Path, home: Path, algorithm: SigningAlgorithm
) -> None:
    ended = doorward(
        "token", "--username", "alice", "--scopes", "mcp:read,mcp:tools", "--roles", "user",
        "--expires", "30m", "--generate-keys", "--algorithm", algorithm,
    )  # fmt: skip

    assert ended.status == 0
    assert ended.err.splitlines() == [
        "wrote signing-key.pem",
        "wrote signing-key.jwks.json",
        "wrote signing-key.pub.pem",
    ]
    jwks = json.loads((tmp_path / "signing-key.jwks.json").read_text())
    claims = jwt.decode(
        ended.out.strip(),
        jwt.PyJWKSet.from_dict(jwks).keys[0],
        algorithms=[algorithm],
        audience="http://localhost:9000/mcp",
        issuer="http://localhost:9000",
    )
    assert (claims["sub"], claims["scope"], claims["roles"]) == (
        "alice",
        "mcp:read mcp:tools",
        ["user"],
    )
    assert claims["exp"] - claims["iat"] == 1800


def test_the_key_file_is_private_and_reused(doorward: Command, tmp_path: Path, home: Path) -> None:
    doorward("token", "--username", "a", "--generate-keys")
    key = tmp_path / "signing-key.pem"
    first = key.read_bytes()

    again = doorward("token", "--username", "b", "--generate-keys")

    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert (again.status, again.err) == (0, "")
    assert key.read_bytes() == first


def test_an_audience_may_be_a_client_id(doorward: Command, home: Path) -> None:
    ended = doorward(
        "token", "--username", "a", "--audience", "my-client-id", "--generate-keys", "--json"
    )

    assert ended.document["claims"]["aud"] == "my-client-id"


async def test_a_minted_token_passes_the_asgardeo_profile(
    doorward: Command, tmp_path: Path, home: Path
) -> None:
    issuer = "https://api.asgardeo.io/t/acme/oauth2/token"
    minted = doorward(
        "token", "--username", "jane", "--audience", "my-client-id", "--client-id", "my-client-id",
        "--issuer", issuer, "--algorithm", "RS256", "--generate-keys",
    )  # fmt: skip
    jwks = json.loads((tmp_path / "signing-key.jwks.json").read_text())
    assert ASGARDEO.profile is not None
    trusted = TrustedIssuer(
        issuer=issuer,
        audience="my-client-id",
        algorithms=ASGARDEO.algorithms,
        profile=ASGARDEO.profile,
        keys=LocalKeys(lambda: jwks),
    )

    identity = await Verifier([trusted]).verify(minted.out.strip().encode())

    assert (identity.subject, identity.client_id) == ("jane", "my-client-id")


def test_a_token_can_be_minted_without_scopes(doorward: Command, home: Path) -> None:
    ended = doorward("token", "--username", "guest", "--scopes", "", "--generate-keys", "--json")

    assert ended.document["claims"]["scope"] == ""
    assert ended.document["token_type"] == "Bearer"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        pytest.param((), "no-key", id="no-key"),
        pytest.param(
            ("--key", "nowhere/key.pem", "--generate-keys"), "unwritable-key", id="folder"
        ),
        pytest.param(("--algorithm", "HS256", "--generate-keys"), "unknown-algorithm", id="alg"),
        pytest.param(("--expires", "soon", "--generate-keys"), "malformed-span", id="span"),
        pytest.param(("--expires", "0", "--generate-keys"), "malformed-span", id="no-time"),
        pytest.param(("--scopes", 'a"b', "--generate-keys"), "malformed-scope", id="scope"),
        pytest.param(
            ("--issuer", "http://issuer.example", "--generate-keys"), "insecure-issuer", id="issuer"
        ),
        pytest.param(("--audience", "http://mcp.example/mcp"), "insecure-resource", id="audience"),
        pytest.param(("--audience", "ftp:mcp"), "not-a-resource", id="not-a-web-url"),
        pytest.param(("--audience", "two ids"), "malformed-audience", id="two-audiences"),
        pytest.param(("--audience", ""), "malformed-audience", id="no-audience"),
    ],
)
def test_invalid_mint_options_are_a_usage_error(
    doorward: Command, home: Path, words: tuple[str, ...], reason: str
) -> None:
    ended = doorward("token", "--username", "alice", *words)

    assert ended.status == 2
    assert ended.out == ""
    assert f"({reason})" in ended.err


def test_a_key_file_that_others_can_read_is_refused(
    doorward: Command, tmp_path: Path, home: Path
) -> None:
    doorward("token", "--username", "a", "--generate-keys")
    (tmp_path / "signing-key.pem").chmod(0o644)

    ended = doorward("token", "--username", "a")

    assert ended.status == 2
    assert "(exposed-key)" in ended.err
    assert "chmod 600" in ended.err


def test_an_unreadable_key_is_refused(doorward: Command, tmp_path: Path, home: Path) -> None:
    path = tmp_path / "signing-key.pem"
    path.write_text("not a key")
    path.chmod(0o600)

    ended = doorward("token", "--username", "a")

    assert ended.status == 2
    assert "(unreadable-key)" in ended.err


def test_public_key_files_are_not_written_through_a_symlink(
    doorward: Command, tmp_path: Path, home: Path
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("kept")
    for name in ("signing-key.jwks.json", "signing-key.pub.pem"):
        (tmp_path / name).symlink_to(precious)

    ended = doorward("token", "--username", "alice", "--generate-keys")

    assert ended.status == 0
    assert precious.read_text() == "kept"
    assert json.loads((tmp_path / "signing-key.jwks.json").read_text())["keys"]
    assert stat.S_IMODE((tmp_path / "signing-key.pub.pem").stat().st_mode) == 0o644
