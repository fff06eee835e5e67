"""Client ID metadata documents: what is written is valid, and the check names problems."""

from typing import Any

import httpx2
import pytest

from doorward.client.client_document import build_document, check_document
from doorward.client.refusals import ClientRefused
from doorward.wire.oauth.client_metadata import PUBLIC_CLIENT, parse_client_document
from tests.ledger import proves

URL = "https://me.example/client.json"


class Site(httpx2.AsyncBaseTransport):
    """Serves one answer at every address."""

    def __init__(self, answer: httpx2.Response) -> None:
        self._answer = answer

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        stream = httpx2.ByteStream(self._answer.content)
        return httpx2.Response(
            self._answer.status_code, headers=self._answer.headers, stream=stream
        )


def test_a_built_document_is_parsed_by_the_authorization_server() -> None:
    document = build_document(URL, name="Mine", homepage="https://me.example/")

    metadata = parse_client_document(document, URL, PUBLIC_CLIENT)

    assert metadata.client_name == "Mine"
    assert metadata.application_type == "native"
    assert metadata.token_endpoint_auth_method == "none"
    assert metadata.redirect_uris == ("http://127.0.0.1/callback",)


@proves("reg-cimd-hosted", "refuses")
@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("http://me.example/client.json", {}),
        ("https://me.example/", {}),
        ("https://me.example/a#b", {}),
        (URL, {"name": ""}),
        (URL, {"redirect_uris": ["javascript:alert(1)"]}),
        (URL, {"redirect_uris": ["http://other.example/callback"]}),
    ],
)
def test_a_document_that_servers_would_refuse_is_not_built(
    url: str, options: dict[str, Any]
) -> None:
    with pytest.raises(ClientRefused):
        build_document(url, **{"name": "Mine", **options})


@proves("reg-cimd-hosted", "accepts")
async def test_a_correctly_served_document_passes_the_check() -> None:
    site = Site(httpx2.Response(200, json=build_document(URL, name="Mine")))

    assert (await check_document(URL, site)).client_name == "Mine"


@proves("reg-cimd-hosted", "refuses")
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(httpx2.Response(404), "404", id="missing"),
        pytest.param(httpx2.Response(302, headers={"Location": URL + "2"}), "302", id="redirect"),
        pytest.param(httpx2.Response(200, text="{}"), "content type", id="as-text"),
        pytest.param(
            httpx2.Response(200, json={**build_document(URL, name="x"), "client_id": URL + "2"}),
            "client_id",
            id="another-client",
        ),
        pytest.param(
            httpx2.Response(200, json={**build_document(URL, name="x"), "client_secret": "s"}),
            "client_secret",
            id="with-a-secret",
        ),
        pytest.param(
            httpx2.Response(200, json={**build_document(URL, name="x"), "pad": "x" * 6000}),
            "longer",
            id="too-long",
        ),
    ],
)
async def test_the_check_names_the_problem(answer: httpx2.Response, why: str) -> None:
    with pytest.raises(ClientRefused) as refusal:
        await check_document(URL, Site(answer))

    assert refusal.value.reason == "unusable-document"
    assert why in refusal.value.problem
