"""Inputs that once crashed the process are accepted or refused by name."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from doorward.cli.client.tool_arguments import parse_arguments, types_of
from doorward.cli.client.tools import _parameters
from doorward.cli.problems import UsageProblem
from doorward.client import McpClient, ProtocolBroken, SignInFailed, TokenStore, Unreachable
from doorward.client.http.http_client import HttpClient
from doorward.client.http.url_policy import MAX_URL_LENGTH, UrlPolicy
from doorward.client.mcp.bridge import FAULT, Bridge, _discard
from doorward.client.mcp.events import MAX_EVENT_ID
from doorward.client.mcp.messages import encode
from doorward.client.oauth.authorization import AuthorizationRequest
from doorward.client.oauth.registration import Registration
from doorward.client.oauth.tokens import Tokens
from doorward.client.refusals import DiscoveryFailed
from doorward.client.sign_in.browser import open_browser, require_web_address
from doorward.client.sign_in.listener import Listener
from doorward.client.sign_in.pasted_redirect import PastedRedirect
from doorward.client.storage.file_store import FileStore
from doorward.client.storage.passphrase_store import PassphraseStore
from doorward.errors import ConfigurationError
from doorward.wire.oauth import server_metadata
from tests.client import untrusted_input
from tests.client.conftest import Open
from tests.client.fake_issuer import FakeIssuer, send_request
from tests.client.test_bridge_sessions import GREETING, INITIALIZED, Forgetful, ask, carry
from tests.client.test_pinned_transport import certificate
from tests.client.test_streams import Chunks, Script, error, events, result
from tests.client.untrusted_input_readers import CLIENT, ISSUER, METADATA, RECORD, SERVER, STORE
from tests.ledger import proves

# A name that no resolver knows, and a query that is the server's own business.
READABLE = ("https://xn--a/", "https://a.example/?a=%zz")
PASSPHRASE = "correct horse battery"


@proves("S228", "refuses", "hostile bytes end nothing")
@pytest.mark.parametrize("url", [url for url in untrusted_input.URLS if url not in READABLE])
async def test_an_ambiguous_url_is_refused_with_a_reason(url: str) -> None:
    http_client = HttpClient(
        UrlPolicy(SERVER), httpx2.MockTransport(lambda _: httpx2.Response(404))
    )

    with pytest.raises(DiscoveryFailed) as refusal:
        await http_client.get(url, "document")

    assert refusal.value.reason in ("unusable-url", "private-address", "insecure-url")
    assert len(str(refusal.value)) < 1000


@proves("S228", "accepts", "hostile bytes end nothing")
async def test_a_long_url_within_the_limit_is_requested() -> None:
    url = f"{ISSUER}/authorize?scope=" + "a" * (MAX_URL_LENGTH - 100)
    answering = httpx2.MockTransport(lambda _: httpx2.Response(200, stream=Chunks(b"{}")))

    assert (await HttpClient(UrlPolicy(SERVER), answering).get(url, "document")).status == 200
    assert require_web_address(url) == url


@proves("S228", "refuses", "hostile bytes end nothing")
async def test_an_authorization_url_with_nine_thousand_scopes_is_refused(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    fake_issuer.challenge["scope"] = " ".join(f"scope:{number}" for number in range(9000))

    async with open_client() as connection:
        with pytest.raises(SignInFailed) as refusal:
            await connection.log_in()

    assert refusal.value.reason == "address-too-long"


def test_a_browser_that_cannot_be_started_is_reported_as_not_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any, **__: Any) -> bool:
        raise OSError(7, "Argument list too long")

    monkeypatch.setattr("webbrowser.open", broken)

    assert open_browser("https://issuer.example/") is False


@proves("S228", "refuses", "hostile bytes end nothing")
@pytest.mark.parametrize("session", ["é", "\x80", "x" * 2000, "", "a b"])
async def test_the_bridge_continues_after_an_invalid_session_id(
    session: str,
) -> None:
    class Odd(Forgetful):
        def answer(self, request: httpx2.Request, message: Any) -> httpx2.Response:
            answer = super().answer(request, message)
            if message.get("method") == "initialize" and self.begun == 1:
                answer.headers = httpx2.Headers(
                    {**answer.headers, "mcp-session-id": session}, encoding="utf-8"
                )
            return answer

    said = await carry(Odd(), GREETING, {**GREETING, "id": "again"}, INITIALIZED, ask(1))

    assert said[0]["error"]["data"] == {"reason": "malformed-session"}
    assert "result" in said[1]
    assert "result" in said[2]


@proves("S228", "refuses", "hostile bytes end nothing")
async def test_the_client_refuses_an_invalid_session_id() -> None:
    def answer(_: httpx2.Request, message: dict[str, Any]) -> httpx2.Response:
        greeted = result(message, protocolVersion="2025-11-25")
        greeted.headers = httpx2.Headers({"mcp-session-id": "é"}, encoding="utf-8")
        return greeted

    async with McpClient(SERVER, transport=Script(answer), initialize=True) as client:
        with pytest.raises(ProtocolBroken) as refusal:
            await client.list_tools()

    assert refusal.value.reason == "malformed-session"


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        pytest.param("é".encode(), "é".encode(), id="not-ascii"),
        pytest.param(b"e 1", b"e 1", id="space"),
        pytest.param(b"\x01", None, id="control"),
        pytest.param(b"x" * (MAX_EVENT_ID + 1), None, id="long"),
    ],
)
async def test_last_event_id_is_sent_back_byte_for_byte_or_not_at_all(
    said: bytes, sent: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_up: list[bytes] = []

    def answer(request: httpx2.Request, message: dict[str, Any]) -> httpx2.Response:
        if request.method == "GET":
            taken_up.extend(
                value for name, value in request.headers.raw if name.lower() == b"last-event-id"
            )
            body = {"jsonrpc": "2.0", "id": 2, "result": {"tools": []}}
            return events(f"data: {json.dumps(body)}\n\n".encode())
        if message["method"] == "initialize":
            return result(message, protocolVersion="2025-11-25")
        return events(b"id: " + said + b"\nretry: 1\ndata:\n\n")

    async with McpClient(SERVER, transport=Script(answer), initialize=True) as client:
        if sent is None:
            with pytest.raises(ProtocolBroken):
                await client.list_tools()
        else:
            assert await client.list_tools() == ()

    assert taken_up == ([] if sent is None else [sent])


@proves("S228", "accepts", "hostile bytes end nothing")
async def test_the_bridge_resumes_a_stream_after_a_non_ascii_event_id() -> None:
    class Streaming(Forgetful):
        def answer(self, request: httpx2.Request, message: Any) -> httpx2.Response:
            if request.method == "GET" and "last-event-id" in request.headers:
                body = {"jsonrpc": "2.0", "id": 1, "result": {}}
                return events(f"data: {json.dumps(body)}\n\n".encode())
            answer = super().answer(request, message)
            if message.get("id") == 1:
                return events("id: é\nretry: 1\ndata:\n\n".encode())
            return answer

    said = await carry(Streaming(), GREETING, INITIALIZED, ask(1), ask(2))

    assert [message["id"] for message in said] == ["hello", 1, 2]


@proves("S228", "refuses", "hostile bytes end nothing")
@pytest.mark.parametrize(
    "message",
    [
        pytest.param({"id": 9, "method": "tools/é"}, id="method"),
        pytest.param({"id": 9, "method": ["tools/list"]}, id="method-is-no-text"),
        pytest.param({"id": 9, "method": "tools/call"}, id="no-name"),
        pytest.param({"id": 9, "method": "tools/call", "params": [1]}, id="list"),
        pytest.param({"id": 9, "method": "tools/call", "params": {"name": {}}}, id="name"),
    ],
)
async def test_the_bridge_answers_an_unsendable_message_and_forwards_the_next(
    message: dict[str, Any],
) -> None:
    meta = {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}
    params = message.get("params", {})
    if isinstance(params, dict):
        message = {**message, "params": {**params, **meta}}

    class Modern(Forgetful):
        def answer(self, request: httpx2.Request, message: Any) -> httpx2.Response:
            return result(message, said=True)

    said = await carry(Modern(), message, ask(1))

    if isinstance(params, dict):
        assert said[0]["error"]["data"] == {"reason": "malformed-request"}
    assert said[1]["result"] == {"said": True}


@proves("S228", "refuses", "hostile bytes end nothing")
async def test_an_invalid_protocol_version_is_answered_with_an_error() -> None:
    meta = {"_meta": {"io.modelcontextprotocol/protocolVersion": "é\r\nx: y"}}

    said = await carry(Forgetful(), {"id": 9, "method": "tools/list", "params": meta})

    assert said[0]["error"]["data"] == {"reason": "malformed-request"}


@proves("S228", "refuses", "hostile bytes end nothing")
@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (
            ConfigurationError("unreadable-store", "The store is broken.", "Move it."),
            "unreadable-store",
        ),
        (RuntimeError("no secret of ours"), FAULT),
    ],
)
async def test_an_exception_for_one_message_does_not_affect_the_next(
    raised: Exception, reason: str
) -> None:
    class Broken(Forgetful):
        def answer(self, request: httpx2.Request, message: Any) -> httpx2.Response:
            if message.get("id") == 1:
                raise raised
            return result(message, said=True)

    said = await carry(Broken(), ask(1), ask(2))

    assert said[0]["error"]["data"] == {"reason": reason}
    assert "secret" not in said[0]["error"]["message"]
    assert said[1]["result"] == {"said": True}


@proves("S228", "refuses", "hostile bytes end nothing")
async def test_a_broken_tls_record_is_reported_as_unreachable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()
        raw: Any = writer.transport
        raw._ssl_protocol._transport.write(b"\x17\x03\x03\x00\x20" + b"x" * 32)
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    url = f"https://localhost:{server.sockets[0].getsockname()[1]}/mcp"
    async with McpClient(url, timeout=10) as client:
        with pytest.raises(Unreachable):
            await client.list_tools()
    server.close()


@proves("S228", "refuses", "hostile bytes end nothing")
@pytest.mark.parametrize("target", ["//[", "[", "/callback[?state=right"])
async def test_the_listener_answers_an_unparsable_target_with_404(target: str) -> None:
    async with await Listener.open() as listener:
        waiting = asyncio.create_task(listener.answer("right", timeout=5))
        await asyncio.sleep(0)
        status, _, _ = await asyncio.to_thread(send_request, listener.port, target)
        await asyncio.to_thread(send_request, listener.port, "/callback?state=right&code=c")
        assert (await waiting)["code"] == "c"

    assert status == 404


@proves("S228", "refuses", "hostile bytes end nothing")
@pytest.mark.parametrize("line", ["//[", "http://[", "\udcff", "", "http://[v1.x]/?state=right"])
async def test_the_prompt_repeats_after_a_pasted_line_that_is_no_url(line: str) -> None:
    lines = iter([line])
    paste = PastedRedirect(lambda: next(lines, f"{paste.redirect_uri}?state=right&code=c"), 50_000)

    assert (await paste.answer("right", 5))["code"] == "c"


@proves("S228", "refuses", "hostile bytes end nothing")
@pytest.mark.parametrize("ended", [EOFError(), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x")])
async def test_input_that_ends_or_is_not_text_counts_as_nothing_pasted(ended: Exception) -> None:
    def paste() -> str:
        raise ended

    with pytest.raises(SignInFailed) as refusal:
        await PastedRedirect(paste, 50_000).answer("right", 5)

    assert refusal.value.reason == "nothing-pasted"


def keep(store: FileStore, content: bytes) -> TokenStore:
    store.path.write_bytes(content)
    store.path.chmod(0o600)
    return TokenStore(store)


@proves("S228", "refuses", "hostile bytes end nothing")
@pytest.mark.parametrize("size", [0, 1, 17, 18, 19, 33, 34, 45, 46, 61, 62, 63])
def test_a_truncated_encrypted_file_is_refused(tmp_path: Path, size: int) -> None:
    store = PassphraseStore(tmp_path, PASSPHRASE)
    whole = store._encrypt(json.dumps(STORE).encode())

    with pytest.raises(ConfigurationError) as refusal:
        keep(store, whole[:size]).tokens_for(SERVER)

    assert refusal.value.reason == ("wrong-passphrase" if size >= 62 else "unreadable-store")


@proves("S228", "accepts", "hostile bytes end nothing")
def test_a_complete_encrypted_file_is_read(tmp_path: Path) -> None:
    store = PassphraseStore(tmp_path, PASSPHRASE)

    assert keep(store, store._encrypt(json.dumps(STORE).encode())).tokens_for(SERVER) is not None


@proves("S228", "refuses", "hostile bytes end nothing")
@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a":' * 100_000, b"\xff", b"", b'{"a":1'])
def test_a_deeply_nested_or_broken_file_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        keep(FileStore(tmp_path), content).tokens_for(SERVER)

    assert refusal.value.reason == "unreadable-store"


def test_a_passphrase_that_is_not_utf_8_decrypts_its_own_file(tmp_path: Path) -> None:
    odd = PASSPHRASE + "\udcff"
    keep(
        PassphraseStore(tmp_path, odd),
        PassphraseStore(tmp_path, odd)._encrypt(json.dumps(STORE).encode()),
    )

    assert TokenStore(PassphraseStore(tmp_path, odd)).tokens_for(SERVER) is not None


@proves("S228", "refuses", "hostile bytes end nothing")
@pytest.mark.parametrize(
    "wrong",
    [
        {"expires_at": "soon"},
        {"expires_at": True},
        {"expires_at": 1e300},
        {"expires_at": -1e300},
        {"refresh_token": 7},
        {"client_id": None},
        {"issuer": []},
        {"proof_key": {}},
    ],
)
def test_a_malformed_token_record_is_ignored(wrong: dict[str, Any]) -> None:
    assert Tokens.from_record(RECORD) is not None
    assert Tokens.from_record({**RECORD, **wrong}) is None


@proves("S228", "refuses", "hostile bytes end nothing")
@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": 7},
        {"client_secret": []},
        {"auth_method": None},
        {"redirect_uri": "http://["},
        {"redirect_uri": "http://999.1.1.1/callback"},
        {"redirect_uri": "http://127.0.0.1/" + "x" * 70_000},
        {"redirect_uri": 7},
        {"kind": "x"},
        {"private_key": "x"},
    ],
)
def test_a_malformed_registration_record_is_ignored(wrong: dict[str, Any]) -> None:
    assert Registration.from_record(CLIENT, ISSUER) is not None
    assert Registration.from_record({**CLIENT, **wrong}, ISSUER) is None


@proves("S228", "refuses", "hostile bytes end nothing")
@pytest.mark.parametrize("supported", [7, {"a": 1}, "2025-11-25", True])
async def test_supported_versions_that_are_not_a_list_are_ignored(supported: Any) -> None:
    script = Script(lambda _, message: error(400, -32022, message, {"supported": supported}))

    async with McpClient(SERVER, transport=script) as client:
        with pytest.raises(Exception, match="no") as refusal:
            await client.list_tools()

    assert refusal.value.code == "call-failed"  # type: ignore[attr-defined]


@proves("S228", "refuses", "hostile bytes end nothing")
@pytest.mark.parametrize("code", ["abc", [], {}, None, 1.5])
async def test_an_error_whose_code_is_not_an_integer_is_still_an_error(code: Any) -> None:
    def answer(_: httpx2.Request, message: dict[str, Any]) -> httpx2.Response:
        body = {"jsonrpc": "2.0", "id": message["id"], "error": {"code": code, "message": "no"}}
        return httpx2.Response(200, stream=Chunks(json.dumps(body).encode()))

    async with McpClient(SERVER, transport=Script(answer)) as client:
        with pytest.raises(Exception, match="no") as refusal:
            await client.list_tools()

    assert refusal.value.code == "call-failed"  # type: ignore[attr-defined]


@proves("S228", "refuses", "hostile bytes end nothing")
@pytest.mark.parametrize("params", [[1], "x", 7, True])
async def test_elicitation_params_that_are_not_an_object_are_read_as_empty(params: Any) -> None:
    async def refuse(asked: Any) -> dict[str, Any]:
        assert asked == {}
        return {"action": "decline"}

    def answer(_: httpx2.Request, message: dict[str, Any]) -> httpx2.Response:
        if "inputResponses" in message["params"]:
            return result(message, resultType="complete", content=[])
        question = {"method": "elicitation/create", "params": params}
        return result(message, resultType="input_required", inputRequests={"q": question})

    async with McpClient(SERVER, transport=Script(answer), elicit=refuse) as client:
        assert (await client.call_tool("ask", {})).text == ""


@proves("S228", "refuses", "hostile bytes end nothing")
@pytest.mark.parametrize(
    "schema",
    [
        {"type": [{}, "integer"]},
        {"type": "integer", "anyOf": 7},
        {"type": "integer", "oneOf": {"a": {}}},
        {"anyOf": [None, 7, {"type": "integer"}]},
    ],
)
def test_types_are_read_from_a_malformed_schema(schema: Any) -> None:
    assert types_of(schema) == {"integer"}
    assert parse_arguments(["a=1"], {"properties": {"a": schema}}) == {"a": 1}


@proves("S228", "refuses", "hostile bytes end nothing")
@pytest.mark.parametrize("required", [7, True, {"a": 1}, "a", None, [{}]])
def test_parameters_are_listed_when_required_is_malformed(required: Any) -> None:
    schema = {"properties": {"a": {"type": "integer"}}, "required": required}

    assert _parameters(schema) == "[a=integer]"


@proves("S228", "refuses", "hostile bytes end nothing")
@pytest.mark.parametrize("text", ["[" * 100_000, "NaN", "Infinity", "9" * 5000, "\udcff"])
@pytest.mark.parametrize("word", ["a={}", "a:={}"])
def test_an_argument_that_is_not_valid_json_is_refused_with_a_reason(word: str, text: str) -> None:
    with pytest.raises(UsageProblem) as refusal:
        parse_arguments([word.format(text)], {"properties": {"a": {"type": "array"}}})

    assert refusal.value.reason in ("malformed-argument", "wrong-argument-type")


@proves("S228", "refuses", "hostile bytes end nothing")
@pytest.mark.parametrize("state", ["right\udcff", "left\ud800"])
def test_a_state_with_a_lone_surrogate_does_not_match(state: str) -> None:
    attempt = AuthorizationRequest(
        server=server_metadata.parse(METADATA, ISSUER),
        client_id="c",
        redirect_uri="http://127.0.0.1/callback",
        resource=SERVER,
        scopes=frozenset(),
    )

    assert not attempt.matches_state(state)
    assert attempt.matches_state(attempt.state)


@proves("S228", "refuses", "hostile bytes end nothing")
async def test_the_bridge_limits_the_number_of_cached_schemas() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "x-mcp-header": "A"}}}

    class Naming(Forgetful):
        def answer(self, request: httpx2.Request, message: Any) -> httpx2.Response:
            names = [f"{message['id']}-{number}" for number in range(1500)]
            return result(message, tools=[{"name": n, "inputSchema": schema} for n in names])

    server = Naming()
    async with httpx2.AsyncClient(transport=server.script) as http:
        bridge = Bridge(SERVER, http)
        for number in range(3):
            cursor = {"cursor": "more"} if number else {}
            await bridge._send({**ask(number), "params": cursor}, _discard)

    assert len(bridge._schemas) == 1000


@proves("S228", "refuses", "hostile bytes end nothing")
def test_text_with_a_lone_surrogate_is_not_sent() -> None:
    with pytest.raises(ProtocolBroken) as refusal:
        encode({"a": "\udcff"})

    assert refusal.value.reason == "malformed-request"


async def test_the_bridge_ends_when_its_output_is_closed() -> None:
    written = asyncio.Event()

    async def lines() -> AsyncIterator[bytes]:
        yield json.dumps(ask(1)).encode()
        await written.wait()

    async def gone(_: bytes) -> None:
        written.set()
        raise BrokenPipeError

    script = Script(lambda _, message: result(message, said=True))
    async with httpx2.AsyncClient(transport=script) as http:
        with pytest.raises(ExceptionGroup) as ended:
            await Bridge(SERVER, http).run(lines(), gone)

    assert ended.value.subgroup(BrokenPipeError) is not None
