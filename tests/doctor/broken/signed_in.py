"""Set-ups that are broken behind the sign-in."""

import base64
import json
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2

from doorward.doctor.findings.finding import Blame
from doorward.jose.compact import decode_segment
from tests.doctor.broken.broken import Set
from tests.doctor.healthy import (
    issuer,
    mcp_answer,
    mcp_server,
    only_pre_registered,
    plain,
    resource_metadata,
)
from tests.doctor.simulated_issuer import PRE_REGISTERED, SimulatedIssuer
from tests.doctor.world import World, fixed, json_answer

SET = Set()
AUTHORIZE = "https://login.example/authorize"
TOKEN = "https://login.example/token"


def _issuer(world: World) -> SimulatedIssuer:
    found = world.issuers[world.issuer]
    assert isinstance(found, SimulatedIssuer)
    return found


def _sign_in(change: Callable[[str], str]) -> World:
    """Change the address on which the browser of a signed-in user ends."""
    world = plain()
    inner = world.routes["GET", AUTHORIZE]

    def authorize(request: httpx2.Request) -> object:
        answer = inner(request)
        assert isinstance(answer, httpx2.Response)
        if "cookie" in request.headers:
            answer.headers["location"] = change(answer.headers["location"])
        return answer

    world.on("GET", AUTHORIZE, authorize)  # type: ignore[arg-type]
    return world


@SET.gives("sign-in-unfinished", Blame.UNSURE, sign_in="paste")
def the_button_does_nothing() -> World:
    return _sign_in(lambda _location: "https://login.example/consent")


@SET.gives("sign-in-refused", Blame.UNSURE, sign_in="paste")
def a_policy_refuses_the_user() -> World:
    return _sign_in(
        lambda location: (
            location.split("?")[0]
            + "?error=access_denied&error_description=not+assigned&state="
            + location.split("state=")[1]
        )
    )


@SET.gives("iss-missing", Blame.ISSUER, sign_in="paste")
def the_announced_iss_does_not_come() -> World:
    return _sign_in(lambda location: location.replace("&iss=https%3A%2F%2Flogin.example", ""))


@SET.gives("iss-wrong", Blame.ISSUER, sign_in="paste")
def a_facade_passes_on_the_iss_of_its_provider() -> World:
    return _sign_in(lambda location: location.replace("login.example", "upstream.example"))


@SET.gives("token-blocked", Blame.PROXY, sign_in="paste")
def a_rule_stops_the_token_request() -> World:
    world = plain()
    body = "<!doctype html><title>Attention Required! | Cloudflare</title>"
    inner = world.routes["POST", TOKEN]

    def token(request: httpx2.Request) -> Any:
        # Long requests, as those with a real code are.
        is_real = b"doorward-doctor-unknown" not in request.content
        return httpx2.Response(403, html=body) if is_real else inner(request)

    world.on("POST", TOKEN, token)
    return world


@SET.gives("client-secret-wrong", Blame.CONFIGURATION, sign_in="paste",
           client_id=PRE_REGISTERED, client_secret="wrong-secret", issuer="https://login.example")  # fmt: skip
def a_wrong_secret_is_an_array_that_says_bad_credentials() -> World:
    world = only_pre_registered()
    answer = fixed(401, '[{"message":"Bad credentials"}]', content_type="application/json")
    world.on("POST", TOKEN, answer)
    return world


@SET.gives("registered-client-refused", Blame.ISSUER, sign_in="paste")
def the_issuer_refuses_its_own_client() -> World:
    world = plain()
    world.on("POST", TOKEN, lambda _request: json_answer({"error": "invalid_client"}, 401))
    return world


@SET.gives("code-without-scope", Blame.SERVER, sign_in="paste", client_id=PRE_REGISTERED)
def cognito_exchanges_no_code_without_a_scope() -> World:
    world = World(issuer="https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_abc")
    mcp_server(world)
    resource_metadata(world)
    issuer(world, kinds="openid", registration_endpoint=None)
    refused = json_answer({"error": "invalid_grant"}, 400)
    world.on("POST", world.issuer + "/token", lambda _request: refused)
    return world


@SET.gives("token-refused", Blame.UNSURE, sign_in="paste")
def another_replica_does_not_know_the_code() -> World:
    world = plain()
    world.on("POST", TOKEN, lambda _request: json_answer({"error": "invalid_grant"}, 400))
    return world


@SET.gives("token-type-missing", Blame.ISSUER, sign_in="paste")
def the_token_has_no_type() -> World:
    world = plain()

    def untyped(answer: httpx2.Response) -> httpx2.Response:
        document = json.loads(answer.content)
        document.pop("token_type", None)
        return json_answer(document, answer.status_code)

    world.wrap("POST", TOKEN, untyped)
    return world


@SET.gives("token-endpoint-reads-no-forms", Blame.ISSUER, sign_in="paste")
def the_token_endpoint_wants_json() -> World:
    world = plain()
    world.on("POST", TOKEN, lambda _request: json_answer({"detail": "Unsupported media type"}, 415))
    return world


@SET.gives("token-answer-unreadable", Blame.ISSUER, sign_in="paste")
def the_token_comes_as_a_form() -> World:
    world = plain()
    body = "access_token=abcdefghijklmnop&token_type=bearer"
    world.on("POST", TOKEN, fixed(200, body, content_type="application/x-www-form-urlencoded"))
    return world


def _refusing(**claims: Any) -> World:
    """Return a server that refuses the tokens, which have other ``claims``."""
    world = plain()
    _issuer(world).claims = claims
    world.tokens = _Nothing()
    return world


class _Nothing(set[str]):
    """Accepts no token."""

    def __contains__(self, _token: object) -> bool:
        return False


@SET.gives("fresh-token-refused", Blame.SERVER, sign_in="paste")
def introspection_rejects_what_the_issuer_just_made() -> World:
    world = _refusing()
    for url in (world.mcp, world.mcp + "/"):
        inner = world.routes["POST", url]

        def post(request: httpx2.Request, inner: Any = inner) -> Any:
            answer = inner(request)
            if "authorization" in request.headers:
                answer.headers["www-authenticate"] += ', error="invalid_token"'
            return answer

        world.on("POST", url, post)
    return world


@SET.gives("token-wrong-audience", Blame.ISSUER, sign_in="paste")
def keycloak_writes_account_into_aud() -> World:
    return _refusing(aud="account")


@SET.gives("token-wrong-audience", Blame.ISSUER, sign_in="paste")
def the_token_has_no_audience() -> World:
    return _refusing(aud=None)


@SET.gives("token-wrong-issuer", Blame.UNSURE, sign_in="paste")
def entra_writes_its_old_issuer() -> World:
    return _refusing(iss="https://sts.windows.net/tenant/")


@SET.gives("token-expired-at-birth", Blame.ISSUER, sign_in="paste")
def the_clock_is_an_hour_behind() -> World:
    return _refusing(exp=1_700_000_000)


@SET.gives("token-not-valid-yet", Blame.ISSUER, sign_in="paste")
def the_clock_is_ahead() -> World:
    return _refusing(nbf=4_000_000_000)


@SET.gives("token-unknown-key", Blame.ISSUER, sign_in="paste")
def each_replica_has_its_own_key() -> World:
    world = _refusing()
    other = {"kty": "EC", "kid": "another", "crv": "P-256", "x": "AA", "y": "AA"}
    world.on("GET", "https://login.example/jwks", lambda _request: json_answer({"keys": [other]}))
    return world


def _issuing(make: Callable[[], str]) -> World:
    world = _refusing()

    def token(_request: httpx2.Request) -> httpx2.Response:
        return json_answer({"access_token": make(), "token_type": "Bearer", "expires_in": 90_000})

    world.on("POST", TOKEN, token)
    return world


@SET.gives("token-encrypted", Blame.ISSUER, sign_in="paste")
def auth0_encrypts_a_token_without_an_api() -> World:
    return _issuing(lambda: "eyJhbGciOiJkaXIifQ..aaaa.bbbb.cccc")


def _calls(answer: Callable[[httpx2.Request], httpx2.Response | None]) -> World:
    """Answer calls with an accepted token otherwise, where ``answer`` gives something."""
    world = plain()
    for url in (world.mcp, world.mcp + "/"):
        inner = world.routes["POST", url]

        def post(request: httpx2.Request, inner: Any = inner) -> Any:
            sent = request.headers.get("authorization", "").removeprefix("Bearer ")
            other = answer(request) if sent in world.tokens else None
            return other or inner(request)

        world.on("POST", url, post)
    return world


@SET.gives("call-blocked", Blame.PROXY, sign_in="paste")
def a_rule_stops_authenticated_calls() -> World:
    body = "<!doctype html><title>Attention Required! | Cloudflare</title>"
    return _calls(lambda _request: httpx2.Response(403, html=body))


def _needs(scope: str, *, reads: str = "scope") -> World:
    """Let calls need ``scope`` in the claim ``reads`` of the token."""
    challenge = f'Bearer error="insufficient_scope", scope="{scope}"'

    def answer(request: httpx2.Request) -> httpx2.Response | None:
        claims = json.loads(decode_segment(request.headers["authorization"].split(".")[1].encode()))
        if scope in claims.get(reads, "").split():
            return None
        return json_answer({}, 403, {"www-authenticate": challenge})

    return _calls(answer)


@SET.gives("scope-hint-too-small", Blame.SERVER, sign_in="paste")
def the_call_needs_a_scope_that_nobody_named() -> World:
    return _needs("mcp:read")


@SET.gives("step-up-refused", Blame.ISSUER, sign_in="paste")
def the_issuer_does_not_know_the_scope_of_the_call() -> World:
    world = _needs("mcp:read")
    _issuer(world).known_scopes = frozenset()
    return world


@SET.gives("step-up-in-vain", Blame.SERVER, sign_in="paste")
def the_server_reads_scopes_in_another_claim() -> World:
    return _needs("mcp:read", reads="scp")


@SET.gives("scope-not-granted", Blame.ISSUER, sign_in="paste")
def the_issuer_grants_less() -> World:
    world = _needs("mcp:read")
    resource_metadata(world, scopes_supported=["mcp:read"])
    inner = _issuer(world).tokens

    def tokens(sent: dict[str, str]) -> dict[str, Any]:
        return inner({**sent, "scope": "openid"})

    _issuer(world).tokens = tokens  # type: ignore[method-assign]
    return world


@SET.gives("call-forbidden", Blame.SERVER, sign_in="paste")
def a_role_is_missing() -> World:
    return _calls(lambda _request: json_answer({"detail": "forbidden"}, 403))


@SET.gives("call-fails", Blame.SERVER, sign_in="paste")
def the_front_page_answers_calls_with_a_token() -> World:
    return _calls(lambda _request: httpx2.Response(200, html="<!doctype html><h1>Welcome</h1>"))


@SET.gives("call-fails", Blame.SERVER, sign_in="paste")
def the_server_fails_behind_the_token() -> World:
    return _calls(lambda _request: json_answer({"detail": "boom"}, 500))


@SET.gives("no-refresh-token", Blame.ISSUER, sign_in="paste")
def there_is_no_refresh_token() -> World:
    world = plain()
    _issuer(world).refreshes = False
    return world


@SET.gives("given-token-refused", Blame.UNSURE, sign_in="token", token="an-old-opaque-token")
def a_given_token_is_refused() -> World:
    return plain()


def _jwt(**claims: Any) -> str:
    parts = ({"alg": "ES256", "kid": "1"}, {"iss": "https://login.example", **claims})
    encoded = [base64.urlsafe_b64encode(json.dumps(one).encode()).decode() for one in parts]
    return ".".join([*(one.rstrip("=") for one in encoded), "AAAA"])


_OPENID_ONLY = _jwt(aud="https://mcp.example/mcp", exp=4_000_000_000, scope="openid")


@SET.gives(
    "given-token-expired",
    Blame.CONFIGURATION,
    sign_in="token",
    token=_jwt(aud="https://mcp.example/mcp", exp=1_000_000),
)
def a_given_token_is_old() -> World:
    return plain()


@SET.gives(
    "token-lacks-scope",
    Blame.CONFIGURATION,
    sign_in="token",
    token=_OPENID_ONLY,
)
def a_given_token_has_another_scope() -> World:
    header = 'Bearer error="insufficient_scope", scope="mcp:read"'
    world = plain()
    for url in (world.mcp, world.mcp + "/"):
        inner = world.routes["POST", url]

        def post(request: httpx2.Request, inner: Any = inner) -> Any:
            if request.headers.get("authorization") != f"Bearer {_OPENID_ONLY}":
                return inner(request)
            return json_answer({"error": "x"}, 403, {"www-authenticate": header})

        world.on("POST", url, post)
    return world


def _refresh(change: Callable[[World], None]) -> World:
    """Call ``change`` at the first refresh."""
    world = plain()
    inner = world.routes["POST", TOKEN]
    done: list[bool] = []

    def token(request: httpx2.Request) -> Any:
        answer = inner(request)
        if b"grant_type=refresh_token" in request.content and not done:
            done.append(True)
            change(world)
        return answer

    world.on("POST", TOKEN, token)
    return world


@SET.gives("refresh-refused", Blame.ISSUER, sign_in="paste")
def the_issuer_refuses_its_refresh_token() -> World:
    world = plain()
    inner = world.routes["POST", TOKEN]

    def token(request: httpx2.Request) -> Any:
        if b"grant_type=refresh_token" in request.content:
            return json_answer({"error": "invalid_grant"}, 400)
        return inner(request)

    world.on("POST", TOKEN, token)
    return world


@SET.gives("refreshed-token-refused", Blame.SERVER, sign_in="paste")
def the_server_knows_the_first_token_only() -> World:
    return _refresh(lambda world: world.tokens.clear())


@SET.gives("refreshed-token-refused", Blame.ISSUER, sign_in="paste")
def the_issuer_writes_another_audience_after_a_refresh() -> World:
    world = plain()
    inner = _issuer(world).tokens

    def tokens(sent: dict[str, str]) -> dict[str, Any]:
        answer = inner(sent)
        if _issuer(world).claims:
            world.tokens.discard(answer["access_token"])
        _issuer(world).claims = {"aud": "account"}
        return answer

    _issuer(world).tokens = tokens  # type: ignore[method-assign]
    return world


@SET.gives("session-bound-to-token", Blame.SERVER, sign_in="paste")
def the_session_belongs_to_the_token() -> World:
    owners: dict[str, str] = {}

    def answer(request: httpx2.Request) -> httpx2.Response | None:
        session = request.headers.get("mcp-session-id")
        token = request.headers["authorization"]
        if b'"initialize"' in request.content:
            begun = mcp_answer(request)
            begun.headers["mcp-session-id"] = name = secrets.token_hex(8)
            owners[name] = token
            return begun
        return None if session is None or owners[session] == token else json_answer({}, 404)

    return _calls(answer)


@SET.gives("refresh-race", Blame.ISSUER, sign_in="paste")
def a_used_refresh_token_gets_no_grace() -> World:
    world = plain()
    _issuer(world).grace = False
    return world


@SET.gives("expired-token-accepted", Blame.SERVER, sign_in="paste", patient=True)
def the_server_does_not_check_the_time() -> World:
    world = plain()
    world.keeps_expired_tokens = True
    return world


@SET.gives("expired-token-status", Blame.SERVER, sign_in="paste", patient=True)
def an_expired_token_is_forbidden() -> World:
    world = plain()
    for url in (world.mcp, world.mcp + "/"):
        inner = world.routes["POST", url]

        def post(request: httpx2.Request, inner: Any = inner) -> Any:
            expired = not world.tokens and len(request.headers.get("authorization", "")) > 100
            return json_answer({"detail": "expired"}, 403) if expired else inner(request)

        world.on("POST", url, post)
    return world


@SET.gives("refresh-after-expiry-refused", Blame.ISSUER, sign_in="paste", patient=True)
def the_refresh_token_ends_with_the_access_token() -> World:
    world = plain()
    inner = world.routes["POST", TOKEN]

    def token(request: httpx2.Request) -> Any:
        ended = b"grant_type=refresh_token" in request.content and not world.tokens
        return json_answer({"error": "invalid_grant"}, 400) if ended else inner(request)

    world.on("POST", TOKEN, token)
    return world


class _Silent(httpx2.AsyncByteStream):
    """An event stream that a proxy holds back until the client gives up."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        raise httpx2.ReadTimeout("timed out")
        yield b""


@SET.gives("call-hangs", Blame.UNSURE, sign_in="paste")
def a_call_with_a_token_gets_no_answer() -> World:
    def answer(_request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadTimeout("timed out")

    return _calls(answer)


@SET.gives("stream-held-back", Blame.PROXY, sign_in="paste")
def the_proxy_buffers_event_streams() -> World:
    headers = {"content-type": "text/event-stream"}
    return _calls(lambda _request: httpx2.Response(200, headers=headers, stream=_Silent()))


@SET.gives("session-lost", Blame.SERVER, sign_in="paste")
def another_replica_does_not_know_the_session() -> World:
    def answer(request: httpx2.Request) -> httpx2.Response | None:
        if b'"initialize"' in request.content:
            begun = mcp_answer(request)
            begun.headers["mcp-session-id"] = secrets.token_hex(8)
            return begun
        lost = {
            "jsonrpc": "2.0",
            "id": 1,
            "error": {"code": -32001, "message": "Session not found"},
        }
        return json_answer(lost, 404)

    world = _calls(answer)
    _issuer(world).refreshes = False
    _issuer(world).lifetime = 90_000
    return world


@SET.gives("token-may-not-arrive", Blame.UNSURE, sign_in="paste")
def something_unseen_removes_the_token() -> World:
    return _refusing()


@SET.gives("token-may-not-arrive", Blame.UNSURE, sign_in="paste")
def the_proxy_removes_the_token() -> World:
    world = _refusing()
    for url in (world.mcp, world.mcp + "/"):
        world.wrap("POST", url, _behind_nginx)
    return world


def _behind_nginx(answer: httpx2.Response) -> httpx2.Response:
    answer.headers["server"] = "nginx/1.29"
    return answer


@SET.gives("token-lacks-scope", Blame.CONFIGURATION, sign_in="paste", scope="openid")
def the_user_chose_too_few_scopes() -> World:
    return _needs("mcp:read")


@SET.gives("host-refused", Blame.SERVER, sign_in="paste")
def the_official_sdk_knows_localhost_only() -> World:
    return _calls(lambda _request: httpx2.Response(421, text="Invalid Host header"))
