"""Workload JWTs, from simulators of the platforms on loopback."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from doorward.client import ClientRefused
from doorward.client.workload.identity import (
    AzureMetadata,
    GitHubActions,
    GoogleMetadata,
    ProjectedToken,
)
from doorward.errors import ConfigurationError

AUDIENCE = "https://issuer.example/a?b=c&d"
JWT = "aaa.bbb.ccc"

Answer = Callable[[str, dict[str, str]], tuple[int, str]]


@asynccontextmanager
async def platform(answer: Answer) -> AsyncIterator[str]:
    """Serve ``answer`` over loopback; it is given the target and the headers of each request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        status, body = answer(head[0].split(" ")[1], headers)
        where = "Location: http://127.0.0.1:1/\r\n" if status == 302 else ""
        text = f"HTTP/1.1 {status} X\r\n{where}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write((text + body).encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def query_of(target: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(target).query)


async def test_a_projected_token_file_is_read_for_each_request(tmp_path: Path) -> None:
    source = ProjectedToken(tmp_path / "token")
    source.path.write_text(f"{JWT}\n")
    first = await source(AUDIENCE)
    source.path.write_text("ddd.eee.fff\n")

    assert (first, await source(AUDIENCE)) == (JWT, "ddd.eee.fff")


@pytest.mark.parametrize(
    ("variable", "make"),
    [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", ProjectedToken.for_eks),
        ("AZURE_FEDERATED_TOKEN_FILE", ProjectedToken.for_aks),
    ],
)
async def test_eks_and_aks_name_the_token_file_in_an_environment_variable(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    make: Callable[[], ProjectedToken],
) -> None:
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ConfigurationError) as refusal:
        make()
    (tmp_path / "token").write_text(JWT)
    monkeypatch.setenv(variable, str(tmp_path / "token"))

    assert refusal.value.reason == "no-workload-token"
    assert await make()(AUDIENCE) == JWT


@pytest.mark.parametrize("content", [None, "", "no token\n", "\xff", "a.b"])
async def test_a_token_file_without_a_token_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "token").write_text(content, encoding="latin-1")

    with pytest.raises((ConfigurationError, ClientRefused)) as refusal:
        await ProjectedToken(tmp_path / "token")(AUDIENCE)

    assert not content or content.strip() not in str(refusal.value)


async def test_the_github_request_has_the_job_token_and_the_audience() -> None:
    seen: list[tuple[str, dict[str, str]]] = []

    def runner(target: str, headers: dict[str, str]) -> tuple[int, str]:
        seen.append((target, headers))
        return 200, json.dumps({"count": 1, "value": JWT})

    async with platform(runner) as address:
        source = GitHubActions(
            {
                "ACTIONS_ID_TOKEN_REQUEST_URL": f"{address}/token?api-version=2.0",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "leave",
            }
        )
        assert await source(AUDIENCE) == JWT

    ((target, headers),) = seen
    assert query_of(target) == {"api-version": ["2.0"], "audience": [AUDIENCE]}
    assert headers["authorization"] == "Bearer leave"
    assert "leave" not in repr(source)


async def test_a_github_job_without_the_permission_gets_a_hint() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        await GitHubActions({})(AUDIENCE)

    assert "id-token: write" in refusal.value.hint


async def test_the_google_request_has_the_metadata_header_and_the_audience() -> None:
    seen: list[tuple[str, dict[str, str]]] = []

    def metadata(target: str, headers: dict[str, str]) -> tuple[int, str]:
        seen.append((target, headers))
        return 200, JWT

    async with platform(metadata) as address:
        assert await GoogleMetadata(address=address)(AUDIENCE) == JWT

    ((target, headers),) = seen
    assert urlsplit(target).path.endswith("/service-accounts/default/identity")
    assert query_of(target) == {"audience": [AUDIENCE], "format": ["full"]}
    assert headers["metadata-flavor"] == "Google"


@pytest.mark.parametrize("resource", [AUDIENCE, "api://doorward"])
async def test_the_azure_request_has_the_metadata_header_and_the_resource(resource: str) -> None:
    seen: list[tuple[str, dict[str, str]]] = []

    def metadata(target: str, headers: dict[str, str]) -> tuple[int, str]:
        seen.append((target, headers))
        return 200, json.dumps({"access_token": JWT, "token_type": "Bearer"})

    async with platform(metadata) as address:
        source = AzureMetadata(client_id="me", address=address)
        assert await source(resource) == JWT

    ((target, headers),) = seen
    assert query_of(target) == {
        "api-version": ["2018-02-01"],
        "resource": [resource],
        "client_id": ["me"],
    }
    assert headers["metadata"] == "true"


@pytest.mark.parametrize(
    ("status", "body"),
    [(403, JWT), (302, JWT), (200, "<html>"), (200, "x" * 100_000), (200, "a\r\nb.c.d")],
    ids=["refused", "sent-elsewhere", "a-page", "endless", "writes-headers"],
)
async def test_a_metadata_response_without_a_token_is_refused(status: int, body: str) -> None:
    async with platform(lambda _target, _headers: (status, body)) as address:
        with pytest.raises(ClientRefused):
            await GoogleMetadata(address=address)(AUDIENCE)


async def test_an_unreachable_metadata_service_is_an_error() -> None:
    with pytest.raises(ClientRefused) as refusal:
        await GoogleMetadata(address="http://127.0.0.1:1")(AUDIENCE)

    assert refusal.value.reason == "unreachable"
