"""Every function of the client and its verbs that reads untrusted input."""

import base64
import contextlib
import json
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpcore2
import httpx2
from hypothesis import strategies as st

from doorward.cli import plain_text, typed
from doorward.cli.client import stored_token, tools
from doorward.cli.client import tool_arguments as arguments
from doorward.cli.client.service_options import _one_line, _read
from doorward.client import McpClient, TokenStore
from doorward.client.client_document import check_document
from doorward.client.http.http_client import HttpClient, HttpResponse
from doorward.client.http.url_policy import UrlPolicy
from doorward.client.mcp import elicitation
from doorward.client.mcp import elicitation_url as page
from doorward.client.mcp.bridge import FAULT, Bridge
from doorward.client.mcp.events import read_events
from doorward.client.mcp.parameter_headers import parameter_headers
from doorward.client.oauth import authorization, discovery
from doorward.client.oauth.authorization import AuthorizationRequest
from doorward.client.oauth.dpop import DpopProver
from doorward.client.oauth.registration import ClientConfig, Registration, register
from doorward.client.oauth.token_endpoint import error_of
from doorward.client.oauth.tokens import Tokens, read_tokens
from doorward.client.refusals import CallFailed
from doorward.client.sign_in.browser import require_web_address
from doorward.client.sign_in.device_authorization import DeviceSignIn
from doorward.client.sign_in.listener import Listener
from doorward.client.sign_in.pasted_redirect import PastedRedirect
from doorward.client.storage.file_store import FileStore
from doorward.client.storage.keyring_store import KeyringStore
from doorward.client.storage.passphrase_store import PassphraseStore
from doorward.client.workload.identity import ProjectedToken, _member
from doorward.jose.private_key import PrivateKey
from doorward.wire.oauth import server_metadata
from tests.client import untrusted_input
from tests.client.test_streams import Chunks

SERVER, ISSUER = "https://mcp.example/mcp", "https://issuer.example"
NOW = 1_800_000_000.0

RESOURCE = {
    "resource": SERVER,
    "authorization_servers": [ISSUER],
    "scopes_supported": ["a", "b"],
    "resource_name": "A server",
}
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "registration_endpoint": f"{ISSUER}/register",
    "revocation_endpoint": f"{ISSUER}/revoke",
    "code_challenge_methods_supported": ["S256"],
    "scopes_supported": ["a", "offline_access"],
    "token_endpoint_auth_methods_supported": ["none"],
    "authorization_response_iss_parameter_supported": True,
}
TOKEN = {
    "access_token": "abc",
    "token_type": "Bearer",
    "expires_in": 3600,
    "refresh_token": "def",
    "scope": "a b",
}
REGISTERED = {"client_id": "c", "client_secret": "s", "token_endpoint_auth_method": "none"}
DEVICE = {
    "device_code": "d",
    "user_code": "ABCD-EFGH",
    "verification_uri": "https://issuer.example/device",
    "verification_uri_complete": "https://issuer.example/device?code=ABCD",
    "expires_in": 600,
    "interval": 5,
}
SCHEMA = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "count": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "inner": {"type": "object", "properties": {"a": {"type": "boolean"}}},
    },
    "required": ["region"],
}
TOOLS = {"tools": [{"name": "add", "description": "x", "inputSchema": SCHEMA}], "nextCursor": "2"}
ASKED = {
    "mode": "form",
    "message": "?",
    "requestedSchema": {"type": "object", "properties": {"a": {"default": 1}}},
}
PAGE = {"mode": "url", "url": "https://page.example/", "message": "?", "elicitationId": "e"}
RESULTS: tuple[Any, ...] = (
    TOOLS,
    {"content": [{"type": "text", "text": "x"}], "structuredContent": {}, "isError": False},
    {
        "resultType": "input_required",
        "inputRequests": {"q": {"method": "elicitation/create", "params": ASKED}},
        "requestState": "s",
    },
    {"protocolVersion": "2025-11-25", "capabilities": {}},
)
MESSAGES: tuple[Any, ...] = (
    *({"jsonrpc": "2.0", "id": 1, "result": result} for result in RESULTS),
    *({"jsonrpc": "2.0", "id": 2, "result": result} for result in RESULTS),
    {"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "no", "data": {}}},
    {
        "jsonrpc": "2.0",
        "id": 1,
        "error": {"code": -32022, "message": "no", "data": {"supported": ["2025-11-25"]}},
    },
    {
        "jsonrpc": "2.0",
        "id": 1,
        "error": {"code": -32042, "message": "no", "data": {"elicitations": [PAGE]}},
    },
    {"jsonrpc": "2.0", "id": "s1", "method": "elicitation/create", "params": ASKED},
    {"jsonrpc": "2.0", "id": "s2", "method": "ping"},
)
LINES: tuple[Any, ...] = (
    {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}},
    {
        "jsonrpc": "2.0",
        "id": 2,
        "method": "tools/call",
        "params": {"name": "add", "arguments": {"region": "x"}},
    },
    {
        "jsonrpc": "2.0",
        "id": "i",
        "method": "initialize",
        "params": {"protocolVersion": "2025-11-25"},
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}},
    {
        "jsonrpc": "2.0",
        "id": 3,
        "method": "resources/read",
        "params": {
            "uri": "a://b",
            "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"},
        },
    },
)
RECORD = {
    "issuer": ISSUER,
    "resource": SERVER,
    "client_id": "c",
    "access_token": "abc",
    "refresh_token": "def",
    "expires_at": NOW,
    "scopes": "a b",
    "proof_key": None,
}
CLIENT = {
    "issuer": ISSUER,
    "client_id": "c",
    "kind": "registered",
    "client_secret": None,
    "auth_method": "none",
    "redirect_uri": "http://127.0.0.1:49152/callback",
    "private_key": None,
}
STORE: dict[str, dict[str, Any]] = {
    f"server {SERVER}": {"issuer": ISSUER, "resource": SERVER},
    f"tokens {ISSUER} {SERVER}": RECORD,
    f"client {ISSUER}": CLIENT,
}


@dataclass(frozen=True)
class Reader:
    """One reader of foreign bytes: ``read`` is given what ``inputs`` draws."""

    name: str
    inputs: st.SearchStrategy[Any]
    read: Callable[[Any], Any]


def _answering(drawn: tuple[int, Any, bytes]) -> httpx2.MockTransport:
    status, headers, body = drawn
    return httpx2.MockTransport(
        lambda _: httpx2.Response(status, headers=headers, stream=Chunks(body))
    )


def _answers(*valid: Any) -> st.SearchStrategy[tuple[int, Any, bytes]]:
    statuses = st.sampled_from((200, 200, 200, 201, 302, 400, 401, 403, 404, 500))
    return st.tuples(statuses, untrusted_input.headers, untrusted_input.document(*valid))


@contextlib.asynccontextmanager
async def _http_client(drawn: tuple[int, Any, bytes]) -> AsyncIterator[HttpClient]:
    http_client = HttpClient(UrlPolicy(SERVER), _answering(drawn))
    try:
        yield http_client
    finally:
        await http_client.aclose()


async def _resource_metadata(drawn: Any) -> None:
    async with _http_client(drawn) as http_client:
        challenge = discovery.read_challenge(httpx2.Headers(drawn[1]))
        await discovery.fetch_resource_metadata(http_client, SERVER, challenge)


async def _server_metadata(drawn: Any) -> None:
    async with _http_client(drawn) as http_client:
        await discovery.fetch_server_metadata(http_client, ISSUER)


async def _register(drawn: Any) -> None:
    server = server_metadata.parse(METADATA, ISSUER)
    async with _http_client(drawn) as http_client:
        await register(
            http_client, server, "http://127.0.0.1/callback", ClientConfig(), frozenset()
        )


def _token_answer(drawn: tuple[int, Any, bytes]) -> None:
    answer = HttpResponse("https://a.example/token", drawn[0], httpx2.Headers(drawn[1]), drawn[2])
    error_of(answer, "token endpoint")
    read_tokens(
        answer.document(),
        issuer=ISSUER,
        resource=SERVER,
        client_id="c",
        requested=frozenset(),
        now=NOW,
        proof_key="key",
    ).to_record()


async def _device(drawn: bytes) -> None:
    document = HttpResponse(ISSUER, 200, httpx2.Headers(), drawn).document()
    with _folder() as folder:
        token_store = TokenStore(FileStore(folder))
        async with _http_client((200, [], drawn)) as http_client:
            sign_in = DeviceSignIn(
                token_store=token_store, http_client=http_client, show=lambda _: None
            )
            sign_in._parse(document, ISSUER)


async def _fetched(url: str) -> None:
    async with _http_client((200, [], b"{}")) as http_client:
        await http_client.get(url, "document")
    require_web_address(url)


async def _events(drawn: tuple[Any, list[bytes]]) -> None:
    headers, chunks = drawn
    response = httpx2.Response(
        200, headers=headers, stream=Chunks(*chunks), request=httpx2.Request("GET", SERVER)
    )
    async for event in read_events(response, 100_000):
        if event.id is not None:
            httpx2.Headers({"Last-Event-ID": event.id}, encoding="utf-8")


async def _elicit(params: Any) -> dict[str, Any]:
    return {"action": "accept", "content": {}}


class Server(httpx2.AsyncBaseTransport):
    """
    Gives the drawn answers one after another, each with its headers, and then 404.

    An answer to the request 1 or 2 becomes one to the request that came. With ``greeting`` headers
    a greeting is answered well and with these, and streams can be taken up.
    """

    def __init__(self, answers: list[tuple[int, Any, bytes]], greeting: Any = None) -> None:
        self._answers, self._initialize_message = list(answers), greeting

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        content = await request.aread()
        message = json.loads(content) if content else {}
        if self._initialize_message is not None and message.get("method") == "initialize":
            result = {"protocolVersion": "2025-11-25", "capabilities": {}}
            answer = {"jsonrpc": "2.0", "id": message.get("id"), "result": result}
            return self._said(200, self._initialize_message, json.dumps(answer).encode())
        if (
            self._initialize_message is not None
            and "id" not in message
            and request.method == "POST"
        ):
            return self._said(202, [], b"")
        if not self._answers or (request.method != "POST" and self._initialize_message is None):
            return self._said(404, [], b"")
        status, headers, body = self._answers.pop(0)
        wanted = json.dumps(message.get("id")).encode()
        for number in (b"1", b"2"):
            body = body.replace(b'"id": %s,' % number, b'"id": %s,' % wanted, 1)
        return self._said(status, headers, body)

    @staticmethod
    def _said(status: int, headers: Any, body: bytes) -> httpx2.Response:
        return httpx2.Response(status, headers=headers, stream=Chunks(body))


def _streamed(body: bytes) -> bytes:
    return b"id: \xc3\xa9\nretry: 0\n" + b"".join(
        b"data: " + line + b"\n" for line in body.split(b"\n")
    )


_server_answers = st.lists(
    _answers(*MESSAGES)
    | untrusted_input.document(*MESSAGES).map(
        lambda body: (200, [(b"content-type", b"text/event-stream")], _streamed(body))
    ),
    max_size=4,
)


_greeted = st.tuples(untrusted_input.headers, _server_answers)


def _calling(*, initialize: bool) -> Callable[[Any], Awaitable[None]]:
    async def call(drawn: tuple[Any, list[tuple[int, Any, bytes]]]) -> None:
        greeting, answers = drawn
        async with McpClient(
            SERVER,
            transport=Server(answers, greeting if initialize else None),
            initialize=initialize,
            elicit=_elicit,
            modes=("form", "url"),
        ) as client:
            with contextlib.suppress(CallFailed):
                await client.list_tools()
            (await client.call_tool("add", {"region": "x"})).text  # noqa: B018

    return call


async def _challenge(drawn: list[tuple[int, Any, bytes]]) -> None:
    async with McpClient(SERVER, transport=Server(drawn)) as client:
        await client.challenge()


async def _bridge(drawn: tuple[list[bytes], Any, list[tuple[int, Any, bytes]]]) -> None:
    said: list[bytes] = []

    async def lines() -> AsyncIterator[bytes]:
        for line in drawn[0]:
            yield line

    async def send(line: bytes) -> None:
        said.append(line)

    async with httpx2.AsyncClient(transport=Server(drawn[2], drawn[1])) as http:
        await Bridge(SERVER, http).run(lines(), send)
    for line in said:
        error = json.loads(line).get("error")
        data = error.get("data") if isinstance(error, dict) else None
        assert not (isinstance(data, dict) and data.get("reason") == FAULT), line


async def _raw(drawn: bytes) -> None:
    backend = httpcore2.AsyncMockBackend([drawn[at : at + 500] for at in range(0, len(drawn), 500)])
    transport = httpx2.AsyncHTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    transport._pool = httpcore2.AsyncConnectionPool(network_backend=backend)
    http_client = HttpClient(UrlPolicy("http://localhost/mcp"), transport)
    try:
        (await http_client.get("http://localhost/x", "document")).document()
    finally:
        await http_client.aclose()


async def _listener(drawn: bytes) -> None:
    listener = Listener()
    listener.port = 80
    listener.expect("right")
    assert listener._respond(drawn).startswith(b"HTTP/1.1 ")


async def _paste(drawn: str) -> None:
    await PastedRedirect(lambda: drawn, 50_000).answer("right", 5)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o700)
        yield path


def _use(store: FileStore, content: bytes) -> None:
    store.path.write_bytes(content)
    store.path.chmod(0o600)
    token_store = TokenStore(store)
    token_store.servers()
    token_store.registration_for(ISSUER)
    found = token_store.tokens_for(SERVER)
    if found is not None:
        found.is_fresh(NOW)
        stored_token.stored_token_facts(stored_token.stored_token_document(SERVER, found, "here"))


def _plain_store(content: bytes) -> None:
    with _folder() as folder:
        _use(FileStore(folder), content)


def _passphrase_store(content: bytes) -> None:
    with _folder() as folder:
        store = PassphraseStore(folder, "correct horse battery")
        # The key that Argon2id made of this salt; making it anew takes 50 ms and 64 MiB.
        store._cached_key = _SALT, _KEY
        if content[len(_FORM_2) : len(_FORM_2) + 16] != _SALT and len(content) > len(_FORM_2) + 60:
            content = content[:80]
        _use(store, content)


class Ring:
    """A keyring with one key."""

    name = "ring"

    def __init__(self, kept: str) -> None:
        self._kept = kept

    def get_password(self, service: str, entry: str) -> str:
        return self._kept

    def set_password(self, service: str, entry: str, key: str) -> None:
        self._kept = key


_SALT, _FORM_2 = b"s" * 16, b"doorward tokens 2\n"
_RING_KEY = base64.b64encode(b"k" * 32).decode()
with _folder() as _made:
    _sealing = PassphraseStore(_made, "correct horse battery")
    _KEY = _sealing._key(_SALT)
    _PASSPHRASE_FILE = _sealing._encrypt(json.dumps(STORE).encode())
    _SEALED_FILE = KeyringStore(_made, Ring(_RING_KEY))._encrypt(json.dumps(STORE).encode())
    _DEEP_FILE = _sealing._encrypt(json.dumps({"a": untrusted_input.deep(900)}).encode())


def _sealed_store(drawn: tuple[str, bytes]) -> None:
    with _folder() as folder:
        _use(KeyringStore(folder, Ring(drawn[0])), drawn[1])


def _tokens_record(record: Any) -> None:
    found = Tokens.from_record(record) if isinstance(record, dict) else None
    if found is not None:
        found.is_fresh(NOW)
        stored_token.stored_token_facts(stored_token.stored_token_document(SERVER, found, "here"))


def _registration_record(record: Any) -> None:
    found = Registration.from_record(record, ISSUER) if isinstance(record, dict) else None
    if found is not None:
        json.dumps(found.to_record())
        httpx2.URL(found.redirect_uri or "http://127.0.0.1/")
        found.client_id.encode()


def _authorization_answer(drawn: dict[str, str]) -> None:
    attempt = AuthorizationRequest(
        server=server_metadata.parse(METADATA, ISSUER),
        client_id="c",
        redirect_uri="http://127.0.0.1/callback",
        resource=SERVER,
        scopes=frozenset(),
        state="right",
    )
    authorization.validate_authorization_response(attempt, drawn)


def _tool_arguments(drawn: tuple[list[str], Any]) -> None:
    words, schema = drawn
    found = arguments.parse_arguments(words, schema if isinstance(schema, dict) else {})
    json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    parameter_headers(schema if isinstance(schema, dict) else {}, found)


async def _next_round(drawn: Any) -> None:
    if isinstance(drawn, dict):
        await elicitation.retry_params(_elicit, {"name": "x"}, drawn, ("form", "url"))


async def _pages(drawn: Any) -> None:
    await elicitation.visited_required_urls(
        _elicit, CallFailed(-32042, "no", drawn), ("form", "url")
    )


async def _question(drawn: Any) -> None:
    if isinstance(drawn, dict):
        await elicitation.answer_elicitation(_elicit, drawn, ("form", "url"))


def _file(read: Callable[[Path], Any]) -> Callable[[bytes], Any]:
    def written(content: bytes) -> Any:
        with _folder() as folder:
            path = folder / "file"
            path.write_bytes(content)
            path.chmod(0o600)
            return read(path)

    return written


async def _projected(content: bytes) -> None:
    with _folder() as folder:
        path = folder / "token"
        path.write_bytes(content)
        await ProjectedToken(path)(ISSUER)


async def _client_document(drawn: Any) -> None:
    await check_document("https://client.example/id", _answering(drawn))


def _shown(text: str) -> None:
    for shown in (plain_text.plain(text), plain_text.line(text), plain_text.json_fit(text)):
        shown.encode()


_PEM = PrivateKey.generate().to_pem()
_words = st.lists(
    st.sampled_from(
        ("region=x", "count=1", "count:=[1]", "inner={}", "count=NaN", "count=" + "[" * 9000)
    )
    | untrusted_input.text.map("region={}".format)
    | untrusted_input.text.map("count={}".format)
    | untrusted_input.text.map("count:={}".format)
    | untrusted_input.text,
    max_size=4,
)
_heads = st.sampled_from(
    (
        b"GET //[ HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n",
        b"GET /callback?state=right&code=c HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n",
        b"GET /callback?state=%ff HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n",
        b"GET /callback?state=%C3%A9 HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n",
        b"\x16\x03\x01\x00\xff\r\n\r\n",
    )
)
_pasted = (
    st.sampled_from(
        (
            "http://127.0.0.1:50000/callback?state=right&code=c",
            "http://127.0.0.1:50000/callback?state=\udcff",
            "http://127.0.0.1:50000/callback?state=%C3%A9",
            "http://[",
            "//[",
            "",
        )
    )
    | untrusted_input.text
)

READERS = (
    Reader(
        "challenge", untrusted_input.headers, lambda h: discovery.read_challenge(httpx2.Headers(h))
    ),
    Reader("server address", untrusted_input.address, UrlPolicy),
    Reader("address that a server gave", untrusted_input.address, _fetched),
    Reader("resource metadata", _answers(RESOURCE), _resource_metadata),
    Reader("server metadata", _answers(METADATA), _server_metadata),
    Reader("registration answer", _answers(REGISTERED), _register),
    Reader("token answer", _answers(TOKEN, {"error": "invalid_grant"}), _token_answer),
    Reader("device answer", untrusted_input.document(DEVICE), _device),
    Reader(
        "raw HTTP",
        untrusted_input.cut(
            st.sampled_from(
                (
                    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=b\r\n\r\n{}",
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nX: \xff\r\n\r\n{}",
                )
            )
        ),
        _raw,
    ),
    Reader(
        "event stream",
        st.tuples(
            untrusted_input.headers,
            st.lists(
                untrusted_input.cut(untrusted_input.document(*MESSAGES).map(_streamed)), max_size=4
            ),
        ),
        _events,
    ),
    Reader("answers to a client", _greeted, _calling(initialize=False)),
    Reader("answers to a greeting client", _greeted, _calling(initialize=True)),
    Reader("first answer", _server_answers, _challenge),
    Reader(
        "bridge",
        st.tuples(
            st.lists(untrusted_input.document(*LINES), max_size=4),
            st.none() | untrusted_input.headers,
            _server_answers,
        ),
        _bridge,
    ),
    Reader("question", untrusted_input.mutated(ASKED, PAGE), _question),
    Reader("round", untrusted_input.mutated(*RESULTS), _next_round),
    Reader("pages of a refusal", untrusted_input.mutated({"elicitations": [PAGE]}), _pages),
    Reader(
        "page",
        untrusted_input.mutated(PAGE),
        lambda p: isinstance(p, dict) and page.read_elicitation_url(p),
    ),
    Reader("listener", untrusted_input.cut(_heads), _listener),
    Reader("pasted line", _pasted, _paste),
    Reader(
        "authorization answer",
        st.dictionaries(
            st.sampled_from(("state", "iss", "code", "error")),
            st.sampled_from(("right", ISSUER)) | untrusted_input.text,
        ),
        _authorization_answer,
    ),
    Reader("plain store", untrusted_input.document(STORE), _plain_store),
    Reader(
        "passphrase store",
        untrusted_input.cut(
            st.sampled_from((_PASSPHRASE_FILE, _DEEP_FILE, _FORM_2, _FORM_2 + _SALT))
        ),
        _passphrase_store,
    ),
    Reader(
        "sealed store",
        st.tuples(
            st.just(_RING_KEY) | untrusted_input.text, untrusted_input.cut(st.just(_SEALED_FILE))
        ),
        _sealed_store,
    ),
    Reader("token record", untrusted_input.mutated(RECORD), _tokens_record),
    Reader("registration record", untrusted_input.mutated(CLIENT), _registration_record),
    Reader("tool arguments", st.tuples(_words, untrusted_input.mutated(SCHEMA)), _tool_arguments),
    Reader(
        "schema types",
        untrusted_input.mutated(SCHEMA) | untrusted_input.anything,
        arguments.types_of,
    ),
    Reader(
        "tool parameters",
        untrusted_input.mutated(SCHEMA),
        lambda schema: isinstance(schema, dict) and tools._parameters(schema),
    ),
    Reader("words", untrusted_input.text, typed.words),
    Reader("span of time", untrusted_input.text, typed.seconds),
    Reader("text for a terminal", untrusted_input.text, _shown),
    Reader("claims of a token", untrusted_input.text, stored_token._claims),
    Reader(
        "private key",
        untrusted_input.cut(st.just(_PEM)).map(
            lambda data: data.decode("utf-8", "surrogateescape")
        ),
        PrivateKey.from_pem,
    ),
    Reader(
        "credential file",
        untrusted_input.cut(st.sampled_from((b"secret\n", _PEM))),
        _file(lambda path: _one_line(_read(path), str(path))),
    ),
    Reader("projected token", untrusted_input.cut(st.just(b"a.b.c\n")), _projected),
    Reader(
        "workload answer",
        untrusted_input.document({"value": "a.b.c"}),
        lambda body: _member(body, "value", "there"),
    ),
    Reader(
        "client document",
        _answers(
            {
                "client_id": "https://client.example/id",
                "client_name": "x",
                "redirect_uris": ["http://127.0.0.1/callback"],
            }
        ),
        _client_document,
    ),
    Reader(
        "nonce",
        untrusted_input.headers,
        lambda h: DpopProver(PrivateKey.from_pem(_PEM), lambda: NOW).learn(
            SERVER, httpx2.Headers(h)
        ),
    ),
)
