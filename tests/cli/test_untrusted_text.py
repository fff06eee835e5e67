"""What a server says, where people and logs meet it: nothing unseen in it, and no bodies in a repr."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

import doorward.client
import doorward.gateway
import doorward.net
from doorward.cli.client.login import LoginProgress
from doorward.cli.output import Output
from doorward.client import CallFailed, DeviceCode, ServerRefused, ToolResult, read_elicitation_url
from doorward.client.http.http_client import HttpResponse
from doorward.client.mcp.bridge import _error_response
from doorward.client.mcp.elicitation import answer_elicitation
from doorward.client.mcp.events import Event
from doorward.client.mcp.exchange import raise_for_status
from doorward.wire.strict_json import parse_object
from tests.cli.conftest import Command
from tests.client.fake_issuer import SERVER, FakeIssuer
from tests.ledger import proves

TURNED = "Ask \u202eecila\u202c at p\u0430ypal"
SHOWN = "Ask \\u202eecila\\u202c at p\\u0430ypal"
BODY = "the-body-of-an-answer"


def code(address: str, entered: str) -> DeviceCode:
    return DeviceCode(
        verification_uri=address,
        user_code=entered,
        verification_uri_complete=f"{address}?{entered}",
        expires_in=60.0,
    )


def refusing(message: str) -> httpx2.Response:
    document = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": message}}
    whole = httpx2.Response(403, json=document)
    return httpx2.Response(403, stream=httpx2.ByteStream(whole.content))


@proves("S233", "refuses", "invisible characters")
async def test_an_error_message_of_the_server_is_shown_with_invisible_characters_escaped() -> None:
    with pytest.raises(ServerRefused) as refusal:
        await raise_for_status(SERVER, refusing(TURNED))

    assert refusal.value.problem == SHOWN
    assert str(refusal.value).startswith(SHOWN)
    told = parse_object(_error_response(1, refusal.value))["error"]["message"]
    assert told.startswith(SHOWN)


@proves("S233", "accepts", "invisible characters")
async def test_an_error_message_without_invisible_characters_is_unchanged() -> None:
    with pytest.raises(ServerRefused) as refusal:
        await raise_for_status(SERVER, refusing("Zugriff verweigert für Jürgen (日本語)."))

    assert refusal.value.problem == "Zugriff verweigert für Jürgen (日本語)."


def test_a_json_rpc_error_is_escaped_for_display_and_forwarded_unchanged() -> None:
    refusal = CallFailed(-32602, TURNED)

    assert SHOWN in refusal.problem
    assert refusal.message == TURNED


@proves("S233", "refuses", "invisible characters")
async def test_an_elicitation_form_is_escaped_for_display_and_its_data_unchanged() -> None:
    asked: list[Mapping[str, Any]] = []

    async def elicit(params: Mapping[str, Any]) -> dict[str, Any]:
        asked.append(params)
        return {"action": "accept", "content": {}}

    hidden, shown = "a\u202eb", "a\\u202eb"
    field = {"type": "string", "title": hidden, "description": hidden, "default": hidden}
    client_config = {"oneOf": [{"const": hidden, "title": hidden}], "enumNames": [hidden]}
    schema = {"type": "object", "properties": {"title": field, "of": client_config}}

    answer = await answer_elicitation(elicit, {"message": hidden, "requestedSchema": schema})

    (params,) = asked
    assert params["message"] == shown
    met = params["requestedSchema"]["properties"]
    assert (met["title"]["title"], met["title"]["description"]) == (shown, shown)
    assert met["of"] == {"oneOf": [{"const": hidden, "title": shown}], "enumNames": [shown]}
    assert met["title"]["default"] == answer["content"]["title"] == hidden


@proves("S233", "refuses", "invisible characters")
def test_a_page_message_is_escaped_and_a_lookalike_host_causes_a_warning() -> None:
    page = read_elicitation_url({"url": "https://xn--80ak6aa92e.example/", "message": "a\u202eb"})

    assert page.message == "a\\u202eb"
    assert page.warning is not None


@proves("S233", "refuses", "invisible characters")
def test_a_sign_in_warns_about_lookalike_hosts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = LoginProgress(Output(), no_browser=True)

    progress("issuer", "https://xn--80ak6aa92e.example")
    progress.open("https://xn--80ak6aa92e.example/authorize?x=y")
    progress.show(code("https://XN--80ak6aa92e.example/device", "ABCD"))

    assert capsys.readouterr().err.count("Warning: letters of xn--80ak6aa92e.example") == 3


@proves("S233", "accepts", "invisible characters")
def test_a_sign_in_at_an_ascii_host_prints_no_warning(capsys: pytest.CaptureFixture[str]) -> None:
    progress = LoginProgress(Output(), no_browser=True)

    progress("issuer", "https://login.example")
    progress.open("https://login.example/authorize")
    progress("resource", "xn--80ak6aa92e is only a name")

    assert "Careful" not in capsys.readouterr().err


def test_tool_names_and_descriptions_are_escaped_in_the_list(
    doorward: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_issuer = FakeIssuer(needed=frozenset())
    tool = {"name": "p\u0430y", "description": "a\u202eb", "inputSchema": {"type": "object"}}
    fake_issuer.routes[SERVER] = lambda _: httpx2.Response(
        200, json={"jsonrpc": "2.0", "id": 1, "result": {"tools": [tool]}}
    )
    monkeypatch.setattr(
        "doorward.client.connection.PinnedTransport", lambda _: fake_issuer.transport
    )

    ended = doorward("tools", SERVER)

    assert (ended.status, ended.out) == (0, "p\\u0430y\t\ta\\u202eb\n")


@proves("S233", "refuses", "invisible characters")
@pytest.mark.parametrize(
    "answer",
    [
        HttpResponse("https://issuer.example", 200, httpx2.Headers({"x": BODY}), BODY.encode()),
        Event(BODY.encode(), None, None),
        ToolResult(
            content=({"type": "text", "text": BODY},), structured=BODY, document={"x": BODY}
        ),
        code("https://issuer.example/device", BODY),
        httpx2.Response(200, text=BODY),
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_the_repr_of_a_response_does_not_contain_its_body(answer: object) -> None:
    assert BODY not in repr(answer)


@proves("S233", "accepts", "invisible characters")
def test_the_repr_of_a_response_contains_url_and_status() -> None:
    answer = HttpResponse("https://issuer.example", 404, httpx2.Headers(), b"")

    assert "404" in repr(answer)
    assert "https://issuer.example" in repr(answer)


def test_no_dataclass_shows_a_body_in_its_repr() -> None:
    bodies = {"body", "content", "data", "document", "structured"}
    shown = [
        f"{found.__module__}.{found.__qualname__}.{field.name}"
        for room in (doorward.client, doorward.net, doorward.gateway)
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}.")
        for found in vars(importlib.import_module(module.name)).values()
        if isinstance(found, type) and dataclasses.is_dataclass(found)
        for field in dataclasses.fields(found)
        if field.name in bodies and field.repr
    ]

    # The address of a document, and none.
    assert set(shown) == {"doorward.client.oauth.registration.ClientConfig.document"}
