"""What stops a step before it starts: one sentence with what to do, and never an open server."""

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from mcp_http import step1
from mcp_http.stage import run
from tests.tutorial.in_process import key, module

WITH_KEYS = (5, 6, 7, 8, 9)


def end_of(step: int, port: int = 0) -> str:
    """Return the sentence that a step ends with instead of starting."""
    with pytest.raises(SystemExit) as end:
        run(module(step).create_app, ["--port", str(port)])
    said = str(end.value)
    assert said.count("\n") == 0
    return said


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder for keys."""
    monkeypatch.setenv("MCP_KEYS", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("step", WITH_KEYS)
def test_without_a_key_file_no_step_starts(step: int, keys: Path) -> None:
    said = end_of(step)

    assert str(keys / "mcp_public_key.pem") in said
    assert "uv run python generate_token.py --generate-keys" in said


@pytest.mark.parametrize("step", WITH_KEYS)
@pytest.mark.parametrize("content", ["private", "nonsense", "empty"])
def test_with_a_file_that_is_no_public_key_no_step_starts(
    step: int, content: str, keys: Path
) -> None:
    written = {"private": key().to_pem(), "nonsense": b"hello", "empty": b""}[content]
    (keys / "mcp_public_key.pem").write_bytes(written)

    said = end_of(step)

    assert "public key" in said or "public half" in said
    assert "PRIVATE KEY-----" not in said


@pytest.mark.parametrize("step", WITH_KEYS[1:])
def test_with_an_expired_key_file_no_step_starts(step: int, keys: Path) -> None:
    private = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer.example")])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=365))
        .sign(private, hashes.SHA256())
    )
    pem = signed.public_bytes(serialization.Encoding.PEM)
    (keys / "mcp_public_key.pem").write_bytes(pem)

    said = end_of(step)

    assert "2020-12-31" in said
    assert "generate new keys" in said


@pytest.mark.parametrize("step", [2, 9])
def test_a_port_in_use_is_one_sentence(step: int, keys: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = end_of(step, taken.getsockname()[1])

    assert "in use" in said
    assert "--port" in said


def test_step_1_says_by_itself_that_its_port_is_in_use() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(SystemExit, match="choose another with --port"),
    ):
        step1.listen("127.0.0.1", taken.getsockname()[1])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "mcp.example", ""])
def test_step_1_listens_on_this_machine_alone(host: str) -> None:
    with pytest.raises(SystemExit, match="lets other machines in"):
        step1.listen(host, 0)


@pytest.mark.parametrize("port", ["-1", "65536", "nine", ""])
def test_a_port_that_is_none_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(module(2).create_app, [f"--port={port}"])

    assert "is not a port" in capsys.readouterr().err
