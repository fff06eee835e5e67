"""A parameter with two values is never sent and never accepted."""

import asyncio
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest

from doorward.client import ClientRefused
from doorward.client.refusals import SignInFailed
from doorward.client.sign_in.listener import Listener
from doorward.client.sign_in.pasted_redirect import PastedRedirect
from tests.client.conftest import Open
from tests.client.device_server import Device
from tests.client.fake_issuer import ISSUER, FakeIssuer, send_request
from tests.client.test_concurrent_sign_ins import attempt_at
from tests.ledger import proves

OURS = ["response_type", "client_id", "redirect_uri", "state", "code_challenge", "resource"]
OURS += ["code_challenge_method", "scope", "prompt"]
BESIDE = ["request", "request_uri", "response_mode"]


async def refusal_of(open_client: Open) -> ClientRefused:
    async with open_client() as connection:
        with pytest.raises(ClientRefused) as refusal:
            await connection.log_in()
    return refusal.value


@proves("S230", "refuses", "issuer and endpoint queries")
@pytest.mark.parametrize(
    "query",
    [
        *(f"{name}=x" for name in (*OURS, *BESIDE)),
        "client_id=x&response_type=code",
        "tenant=one&redirect_uri=https://evil.example/",
        "client%5Fid=x",
        "%63lient_id=x",
        "%73%74%61%74%65=x",
        "+state=x",
        "state+=x",
        "%20state=x",
        "state",
        "state=",
        "&&state=x",
        "STATE=x",
        "Redirect_URI=x",
        "response-type=x",
        "state[]=x",
        "client.id=x",
    ],
)
async def test_an_authorization_endpoint_that_sets_a_request_parameter_is_not_opened(
    open_client: Open, fake_issuer: FakeIssuer, query: str
) -> None:
    fake_issuer.metadata["authorization_endpoint"] = f"{ISSUER}/authorize?{query}"

    refusal = await refusal_of(open_client)

    assert refusal.reason == "colliding-parameters"
    assert fake_issuer.authorizations == []
    assert f"POST {ISSUER}/register" not in fake_issuer.paths()


@proves("S230", "accepts", "issuer and endpoint queries")
@pytest.mark.parametrize(
    "query",
    ["p=B2C_1_sign_in", "tenant=one&ui_locales=de", "x=client_id", "my_state=x", "a=%26state%3Dx"],
)
async def test_an_authorization_endpoint_may_have_other_query_parameters(
    open_client: Open, fake_issuer: FakeIssuer, query: str
) -> None:
    fake_issuer.metadata["authorization_endpoint"] = f"{ISSUER}/authorize?{query}"
    opened: list[str] = []

    def browser(url: str) -> None:
        opened.append(url)
        fake_issuer.browser(url)

    async with open_client(browser=browser) as connection:
        await connection.log_in()

    (url,) = opened
    sent = parse_qsl(urlsplit(url).query)
    assert sent[: query.count("&") + 1] == parse_qsl(query)
    assert len(dict(sent)) == len(sent)


@proves("S230", "refuses", "issuer and endpoint queries")
@pytest.mark.parametrize("endpoint", ["token_endpoint", "device_authorization_endpoint"])
@pytest.mark.parametrize("query", ["client_id=x", "resource=x&p=1", "Client-ID=x", "%72esource=x"])
async def test_an_endpoint_whose_query_sets_a_form_parameter_gets_no_request(
    open_client: Open, fake_issuer: FakeIssuer, endpoint: str, query: str
) -> None:
    device = Device(fake_issuer, [])
    fake_issuer.metadata[endpoint] += f"?{query}"

    async with open_client(**device.options()) as connection:
        with pytest.raises(ClientRefused) as refusal:
            await connection.log_in()

    assert refusal.value.reason == "colliding-parameters"
    assert not any(request.url.query for request in fake_issuer.asked)


@proves("S230", "accepts", "issuer and endpoint queries")
async def test_a_token_endpoint_may_have_other_query_parameters(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    fake_issuer.metadata["token_endpoint"] += "?p=B2C_1_sign_in"

    async with open_client() as connection:
        assert await connection.log_in() is not None


def test_an_authorization_url_never_repeats_a_parameter() -> None:
    attempt = attempt_at(ISSUER)
    full = replace(attempt, scopes=frozenset({"a"}), prompt="login")

    for name, _ in parse_qsl(urlsplit(full.url()).query):
        bent = replace(attempt.server, authorization_endpoint=f"{ISSUER}/authorize?{name}=x")
        with pytest.raises(SignInFailed) as refusal:
            replace(attempt, server=bent).url()
        assert refusal.value.reason == "colliding-parameters"


@proves("S230", "accepts", "issuer and endpoint queries")
async def test_an_endpoint_whose_query_is_empty_gets_one_question_mark(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    fake_issuer.metadata["authorization_endpoint"] = f"{ISSUER}/authorize?"

    async with open_client() as connection:
        await connection.log_in()

    assert fake_issuer.authorizations[0]["response_type"] == "code"


@proves("S230", "refuses", "issuer and endpoint queries")
@pytest.mark.parametrize("end", ["?", "?tenant=one", "/?", "#", "#x", "/path?x#y", "?#"])
async def test_an_issuer_with_a_query_or_a_fragment_is_refused(
    open_client: Open, fake_issuer: FakeIssuer, end: str
) -> None:
    issuer = ISSUER + end
    fake_issuer.resource["authorization_servers"] = [issuer]
    fake_issuer.metadata["issuer"] = issuer
    for place in (
        f"{ISSUER}/.well-known/oauth-authorization-server",
        f"{ISSUER}/.well-known/openid-configuration",
    ):
        fake_issuer.routes[place] = lambda _: httpx2.Response(200, json=fake_issuer.metadata)

    refusal = await refusal_of(open_client)

    assert refusal.reason in ("not-an-issuer", "unusable-url")
    assert not any(request.url.host == "issuer.example" for request in fake_issuer.asked)


@proves("S230", "accepts", "issuer and endpoint queries")
async def test_an_issuer_with_a_path_is_used(open_client: Open, fake_issuer: FakeIssuer) -> None:
    issuer = f"{ISSUER}/tenant"
    fake_issuer.resource["authorization_servers"] = [issuer]
    fake_issuer.metadata["issuer"] = issuer
    fake_issuer.metadata["authorization_response_iss_parameter_supported"] = False
    fake_issuer.answer = lambda parameters: {**parameters, "iss": issuer}
    fake_issuer.routes[f"{ISSUER}/.well-known/oauth-authorization-server/tenant"] = lambda _: (
        httpx2.Response(200, json=fake_issuer.metadata)
    )

    async with open_client() as connection:
        tokens = await connection.log_in()

    assert tokens is not None
    assert tokens.issuer == issuer


TWICE = [
    "state=right&state=right&code=c",
    "state=right&code=c&code=d",
    "state=right&code=c&code=",
    "state=right&code=c&iss=https://a.example&iss=https://b.example",
    "state=right&code=c&iss=&iss=https://b.example",
    "state=right&code=c&%69ss=https://a.example&iss=https://b.example",
    "state=right&error=access_denied&error=server_error",
    "state=right&code=c&%63ode=c",
]


@proves("S230", "refuses", "issuer and endpoint queries")
@pytest.mark.parametrize("query", TWICE)
async def test_the_listener_refuses_a_response_with_a_duplicate_parameter(query: str) -> None:
    async with await Listener.open() as listener:
        waiting = asyncio.create_task(listener.answer("right", timeout=5))
        await asyncio.sleep(0)
        status, _, _ = await asyncio.to_thread(send_request, listener.port, f"/callback?{query}")
        assert not waiting.done()
        waiting.cancel()

    assert status == 404


@proves("S230", "refuses", "issuer and endpoint queries")
@pytest.mark.parametrize("query", TWICE)
async def test_a_pasted_response_with_a_duplicate_parameter_is_refused(query: str) -> None:
    lines: list[Any] = []
    pasted_redirect = PastedRedirect(lambda: lines[0])
    lines.append(f"{pasted_redirect.redirect_uri}?{query}")

    with pytest.raises(SignInFailed) as refusal:
        await pasted_redirect.answer("right", timeout=5)

    assert refusal.value.reason == "nothing-pasted"


@proves("S230", "accepts", "issuer and endpoint queries")
async def test_a_pasted_response_without_duplicate_parameters_is_accepted() -> None:
    lines: list[Any] = []
    pasted_redirect = PastedRedirect(lambda: lines[0])
    lines.append(f"{pasted_redirect.redirect_uri}?state=right&code=c&iss=https://a.example")

    answer = await pasted_redirect.answer("right", timeout=5)

    assert answer == {"state": "right", "code": "c", "iss": "https://a.example"}
