"""Protected resource metadata: at every path that clients try, independent of the request."""

import json

import pytest

from tests.guard.bench import ISSUER, METADATA, RESOURCE, Bench, challenge
from tests.ledger import proves

WELL_KNOWN = "/.well-known/oauth-protected-resource"


@proves("S139", "accepts", "resource metadata forms")
@pytest.mark.parametrize(
    "path",
    [
        WELL_KNOWN + "/mcp",
        WELL_KNOWN,
        WELL_KNOWN + "/",
        WELL_KNOWN + "/mcp/",
        "/mcp" + WELL_KNOWN,
    ],
)
async def test_metadata_is_served_at_every_path_that_clients_try(path: str) -> None:
    bench = Bench(resource_name="Example")

    answer = await bench.ask("GET", path)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    said = json.loads(answer.content)
    assert said["resource"] == RESOURCE
    assert said["authorization_servers"] == [ISSUER]
    assert said["scopes_supported"] == ["mcp:admin", "mcp:read", "mcp:tools"]
    assert said["resource_name"] == "Example"
    assert bench.seen == []


async def test_the_metadata_url_in_the_challenge_serves_the_metadata() -> None:
    bench = Bench()

    named = challenge(await bench.call()).split('resource_metadata="')[1].split('"')[0]

    assert named == METADATA
    assert (await bench.ask("GET", named)).status_code == 200


@proves("S139", "accepts", "resource metadata forms")
@pytest.mark.parametrize(
    "resource",
    ["https://mcp.example", "https://mcp.example/", "https://mcp.example/a/mcp/", RESOURCE],
)
async def test_the_resource_is_published_byte_for_byte_as_configured(resource: str) -> None:
    bench = Bench(resource=resource)

    answer = await bench.ask("GET", bench.guard.metadata_url)

    assert json.loads(answer.content)["resource"] == resource


@proves("S139", "refuses", "resource metadata forms")
async def test_metadata_does_not_list_offline_access() -> None:
    bench = Bench(scopes_supported=["mcp:read", "offline_access"])

    answer = await bench.ask("GET", WELL_KNOWN)

    assert json.loads(answer.content)["scopes_supported"] == ["mcp:read"]


@proves("S139", "refuses", "resource metadata forms")
@pytest.mark.parametrize("path", [WELL_KNOWN + "/other", WELL_KNOWN + "/mcp/x", WELL_KNOWN + "x"])
@pytest.mark.parametrize("serve_other_paths", [True, False])
async def test_an_unknown_metadata_path_is_a_404_in_json(
    path: str, serve_other_paths: bool
) -> None:
    bench = Bench(serve_other_paths=serve_other_paths)

    answer = await bench.ask("GET", path)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert bench.seen == []


@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/mcp",
        "/.well-known/openid-configuration",
        "/mcp/.well-known/openid-configuration",
    ],
)
async def test_authorization_server_metadata_is_a_404_that_browsers_can_read(path: str) -> None:
    answer = await Bench().ask("GET", path, headers={"origin": "https://any.example"})

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_metadata_accepts_only_read_methods(method: str) -> None:
    answer = await Bench().ask(method, WELL_KNOWN)

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_a_head_request_for_metadata_has_no_body() -> None:
    answer = await Bench().ask("HEAD", WELL_KNOWN)

    assert answer.status_code == 200
    assert answer.content == b""


@proves("S3", "refuses", "Host never changes the issuer")
@pytest.mark.parametrize(
    "lie",
    [
        {"x-forwarded-host": "evil.example"},
        {"x-forwarded-proto": "http"},
        {"forwarded": "host=evil.example;proto=http"},
        {"host": "evil.example"},
    ],
)
async def test_no_header_changes_the_metadata(lie: dict[str, str]) -> None:
    bench = Bench()

    answer = await bench.ask("GET", WELL_KNOWN + "/mcp", headers=lie)

    assert answer.content == (await bench.ask("GET", WELL_KNOWN + "/mcp")).content
    assert b"evil" not in answer.content
    assert b"http://" not in answer.content


@pytest.mark.parametrize(
    "lie", [{"x-forwarded-proto": "http"}, {"x-forwarded-host": "evil.example"}]
)
async def test_forwarded_headers_do_not_change_the_metadata_url_in_the_challenge(
    lie: dict[str, str],
) -> None:
    assert METADATA in challenge(await Bench().call(**lie))


async def test_metadata_of_a_mounted_endpoint_is_served_at_the_public_and_the_local_path() -> None:
    bench = Bench(resource="https://mcp.example/api/mcp", path="/mcp")

    public = await bench.ask("GET", WELL_KNOWN + "/api/mcp")
    local = await bench.ask("GET", WELL_KNOWN + "/mcp")

    assert public.status_code == local.status_code == 200
    assert json.loads(public.content)["resource"] == "https://mcp.example/api/mcp"


async def test_metadata_is_served_under_the_root_path_of_the_server() -> None:
    bench = Bench(resource="https://mcp.example/api/mcp")

    # As uvicorn --root-path /api hands it on.
    answer = await bench.ask("GET", "/api" + WELL_KNOWN + "/api/mcp")

    assert json.loads(answer.content)["resource"] == "https://mcp.example/api/mcp"
    assert (await bench.ask("GET", "/other" + WELL_KNOWN + "/api/mcp")).status_code == 404
