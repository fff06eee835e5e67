"""A server and an issuer on sockets of this machine, healthy until a test changes an answer."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[["Asked"], Answer]
PRM = "/.well-known/oauth-protected-resource"
AS = "/.well-known/oauth-authorization-server"
TOKEN = "a-token-that-is-no-jwt"


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: Any
    body: bytes

    @property
    def token(self) -> str:
        """The bearer token, or nothing."""
        return str(self.headers.get("Authorization", "")).removeprefix("Bearer ")


def as_json(document: Any, status: int = 200, **headers: str) -> Answer:
    """Return an answer with a JSON document that pages of every origin may read."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    told = {"Content-Type": "application/json", "Access-Control-Allow-Origin": "*", **told}
    return status, told, json.dumps(document).encode()


def as_html(status: int, text: str = "<html><body>page</body></html>", **headers: str) -> Answer:
    """Return a page for people."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, {"Content-Type": "text/html", **told}, text.encode()


@dataclass
class Site:
    """What one port answers, by method and path; ``every`` is asked first."""

    port: int = 0
    answers: dict[tuple[str, str], Handler] = field(default_factory=dict)
    every: Callable[[Asked], Answer | None] = lambda _asked: None
    stays_open: bool = False
    """Whether an event stream stays open behind its answer, until ``over``."""
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def origin(self) -> str:
        """The origin of this site."""
        return f"http://127.0.0.1:{self.port}"

    def on(self, method: str, path: str, answer: Handler | Answer) -> None:
        """Answer ``method`` at ``path`` in this way from now on."""
        self.answers[method, path] = answer if callable(answer) else lambda _asked: answer

    def answer(self, asked: Asked) -> Answer:
        """Return the answer to a request."""
        if (first := self.every(asked)) is not None:
            return first
        if (handler := self.answers.get((asked.method, asked.path))) is not None:
            return handler(asked)
        known = any(path == asked.path for _, path in self.answers)
        if known and asked.method == "OPTIONS":
            return preflight()
        return as_html(405 if known else 404, "<html><body>Not here</body></html>")


def preflight(**headers: str) -> Answer:
    """Return the permission that a browser asks for."""
    told = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "GET, POST, DELETE",
        "Access-Control-Allow-Headers": "authorization, content-type, accept, "
        "mcp-protocol-version, mcp-session-id, mcp-method, mcp-name, last-event-id",
    }
    return 204, {**told, **headers}, b""


@dataclass
class SetUp:
    """A server and its issuer. ``challenge``, ``resource`` and ``issuer`` are documents to change."""

    server: Site
    login: Site
    challenge: str = ""
    resource: dict[str, Any] = field(default_factory=dict)
    issuer: dict[str, Any] = field(default_factory=dict)
    public: str = ""
    """The origin in front of the server, if there is one."""
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """The URL of the MCP server."""
        return f"{self.public or self.server.origin}/mcp"

    def stuck(self) -> Answer:
        """Answer only when the set-up ends."""
        self.over.wait()
        return as_html(500)

    def refusal(self, status: int = 401, **headers: str) -> Answer:
        """Return the challenge."""
        told = {"WWW-Authenticate": self.challenge} if self.challenge else {}
        exposed = {"Access-Control-Expose-Headers": "WWW-Authenticate, Mcp-Session-Id"}
        return as_json({"error": "unauthorized"}, status, **{**exposed, **told, **headers})

    def mcp(self, asked: Asked) -> Answer:
        """Answer at the MCP endpoint: JSON, no session, two tools."""
        if asked.token != TOKEN:
            return self.refusal()
        if asked.method != "POST":
            return as_json({"error": "no stream here"}, 405)
        message = json.loads(asked.body)
        if "id" not in message:
            return 202, {}, b""
        return as_json({"jsonrpc": "2.0", "id": message["id"], "result": _result(message)})

    def authorize(self, asked: Asked) -> Answer:
        """Answer an authorization request as a user who is signed in already."""
        if not asked.query.get("client_id", "").startswith("client-"):
            return as_html(400, "<html>unknown client</html>")
        back = {"code": "one", "state": asked.query.get("state", "")}
        return 302, {"Location": f"{asked.query['redirect_uri']}?{urlencode(back)}"}, b""

    def token(self, asked: Asked) -> Answer:
        """Answer at the token endpoint."""
        form = dict(parse_qsl(asked.body.decode()))
        if form.get("code") != "one" and form.get("refresh_token") != "again":
            return as_json({"error": "invalid_grant"}, 400)
        told = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600}
        return as_json({**told, "refresh_token": "again", "scope": "read"})


def _result(message: dict[str, Any]) -> dict[str, Any]:
    if message["method"] == "initialize":
        version = message["params"]["protocolVersion"]
        info = {"name": "loopback", "version": "1"}
        return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
    if message["method"] == "tools/list":
        return {"tools": [{"name": "one", "inputSchema": {"type": "object"}}]}
    return {}


@contextmanager
def running(site: Site) -> Iterator[Site]:
    """Serve ``site`` on a free port."""

    class Serving(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_args: object) -> None:
            """Say nothing of a client that gave up."""

    class Requests(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = sys_version = ""

        def answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            query = dict(parse_qsl(parts.query))
            status, headers, told = site.answer(
                Asked(self.command, parts.path, query, self.headers, body)
            )
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            stays_open = site.stays_open and headers.get("Content-Type") == "text/event-stream"
            if stays_open and self.request_version != "HTTP/1.0":
                self.send_header("Transfer-Encoding", "chunked")
                told = b"%x\r\n%s\r\n" % (len(told), told)
            elif not stays_open:
                self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)
            if stays_open:
                site.over.wait()
                self.close_connection = True

        do_GET = do_POST = do_OPTIONS = do_DELETE = do_HEAD = answer  # noqa: N815

        def log_message(self, *_args: object) -> None:
            pass

    with Serving(("127.0.0.1", site.port), Requests) as serving:
        site.port = serving.server_address[1]
        thread = threading.Thread(target=serving.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield site
        finally:
            site.over.set()
            serving.shutdown()
            thread.join()


@contextmanager
def healthy() -> Iterator[SetUp]:
    """Serve a healthy set-up, whose documents and answers a test may change."""
    with running(Site()) as server, running(Site()) as login:
        made = SetUp(server, login)
        made.challenge = f'Bearer resource_metadata="{server.origin}{PRM}/mcp", scope="read"'
        made.resource.update(
            resource=made.url, authorization_servers=[login.origin], scopes_supported=["read"]
        )
        made.issuer.update(
            issuer=login.origin,
            authorization_endpoint=f"{login.origin}/authorize",
            token_endpoint=f"{login.origin}/token",
            registration_endpoint=f"{login.origin}/register",
            jwks_uri=f"{login.origin}/keys",
            response_types_supported=["code"],
            grant_types_supported=["authorization_code", "refresh_token"],
            code_challenge_methods_supported=["S256"],
            token_endpoint_auth_methods_supported=["none"],
            scopes_supported=["read"],
        )
        for method in ("GET", "POST", "DELETE"):
            server.on(method, "/mcp", made.mcp)
        server.on("GET", f"{PRM}/mcp", lambda _asked: as_json(made.resource))
        login.on("GET", AS, lambda _asked: as_json(made.issuer))
        login.on("GET", "/keys", as_json({"keys": []}))
        login.on("GET", "/authorize", made.authorize)
        login.on("POST", "/token", made.token)
        login.on("POST", "/register", _register)
        try:
            yield made
        finally:
            made.over.set()


def _register(asked: Asked) -> Answer:
    try:
        told = json.loads(asked.body)
    except ValueError:
        return as_json({"error": "invalid_client_metadata"}, 400)
    if not told.get("redirect_uris"):
        return as_json({"error": "invalid_redirect_uri"}, 400)
    return as_json({**told, "client_id": "client-1"}, 201)
