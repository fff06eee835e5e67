"""Set-ups that are broken at the edge, in CORS, keys, registration and authorization requests."""

from collections.abc import Callable

import httpx2

from doorward.doctor.findings.finding import Blame
from tests.doctor.broken.broken import Set
from tests.doctor.healthy import (
    issuer,
    issuer_with_path,
    only_client_documents,
    only_pre_registered,
    plain,
)
from tests.doctor.simulated_issuer import PRE_REGISTERED
from tests.doctor.world import World, fixed, json_answer, page

SET = Set()
JWKS = "https://login.example/jwks"
AUTHORIZE = "https://login.example/authorize"
REGISTER = "https://login.example/register"


def _at_edge(
    world: World, stops: Callable[[httpx2.Request], bool], answer: httpx2.Response
) -> World:
    for key, inner in list(world.routes.items()):

        def filtered(request: httpx2.Request, inner: object = inner) -> object:
            return answer if stops(request) else inner(request)  # type: ignore[operator]

        world.routes[key] = filtered  # type: ignore[assignment]
    return world


def _agent(request: httpx2.Request) -> str:
    return request.headers.get("user-agent", "")


@SET.gives("user-agent-blocked", Blame.PROXY)
def managed_rules_against_ai_bots() -> World:
    blocked = httpx2.Response(403, html="<title>Attention Required! | Cloudflare</title>")
    return _at_edge(plain(), lambda request: "Claude-User" in _agent(request), blocked)


@SET.gives("user-agent-blocked", Blame.PROXY)
def a_firewall_refuses_an_empty_user_agent() -> World:
    return _at_edge(plain(), lambda request: not _agent(request), httpx2.Response(403))


@SET.gives("user-agent-blocked", Blame.UNSURE)
def an_application_refuses_a_user_agent() -> World:
    refused = json_answer({"detail": "bots are not welcome"}, 403)
    return _at_edge(plain(), lambda request: "openai" in _agent(request), refused)


def _cors(world: World, preflight: httpx2.Response, **refusal: str) -> World:
    named = {name.replace("_", "-"): value for name, value in refusal.items()}
    for url in (world.mcp, world.mcp + "/"):
        world.on("OPTIONS", url, lambda _request: preflight)
        world.wrap("POST", url, lambda answer: _with(answer, named))
    return world


def _with(answer: httpx2.Response, named: dict[str, str]) -> httpx2.Response:
    answer.headers.update(named)
    return answer


ALLOWED = httpx2.Response(
    204,
    headers={
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "POST, GET, DELETE",
        "access-control-allow-headers": "authorization, content-type, mcp-protocol-version",
    },
)


@SET.gives("cors-preflight-refused", Blame.SERVER, persona="inspector")
def the_preflight_meets_authentication() -> World:
    return _cors(plain(), httpx2.Response(401))


@SET.gives("cors-token-not-allowed", Blame.SERVER)
def the_preflight_allows_a_wildcard_of_headers() -> World:
    headers = {"access-control-allow-origin": "*", "access-control-allow-headers": "*"}
    exposed = "WWW-Authenticate"
    return _cors(
        plain(),
        httpx2.Response(204, headers=headers),
        access_control_allow_origin="*",
        access_control_expose_headers=exposed,
    )


@SET.gives("cors-refusal-unreadable", Blame.SERVER)
def the_refusal_lacks_cors() -> World:
    return _cors(plain(), ALLOWED)


@SET.gives("cors-challenge-hidden", Blame.SERVER)
def the_challenge_is_not_exposed() -> World:
    return _cors(plain(), ALLOWED, access_control_allow_origin="*")


@SET.gives("keys-unreadable", Blame.ISSUER)
def the_keys_are_behind_a_sign_in() -> World:
    world = plain()
    world.on("GET", JWKS, fixed(401))
    return world


@SET.gives("private-key-published", Blame.ISSUER)
def the_keys_show_their_private_part() -> World:
    world = plain()
    key = {"kty": "EC", "kid": "one", "crv": "P-256", "x": "AA", "y": "AA", "d": "SECRETPART"}
    world.on("GET", JWKS, lambda _request: json_answer({"keys": [key]}))
    return world


@SET.gives("registration-absent", Blame.ISSUER)
def the_registration_endpoint_is_not_served() -> World:
    world = plain()
    del world.routes["POST", REGISTER]
    return world


@SET.gives("registration-closed", Blame.ISSUER)
def registration_needs_an_administrator() -> World:
    world = plain()
    world.on("POST", REGISTER, lambda _request: json_answer({"error": "access_denied"}, 403))
    return world


@SET.gives("registration-closed", Blame.ISSUER)
def keycloak_trusts_no_host() -> World:
    world = issuer_with_path()

    def register(request: httpx2.Request) -> httpx2.Response:
        if request.content == b"{":
            return json_answer({"error": "invalid_client_metadata"}, 400)
        return json_answer({"error": "insufficient_scope"}, 403)

    world.on("POST", world.issuer + "/register", register)
    return world


@SET.gives("registration-blocked", Blame.PROXY)
def a_firewall_challenges_registrations() -> World:
    world = plain()
    stopped = page(403, "<!doctype html><title>Just a moment...</title>", cf_mitigated="challenge")
    world.on("POST", REGISTER, stopped)
    return world


@SET.gives("registration-limited", Blame.ISSUER)
def registrations_are_counted_by_address() -> World:
    world = plain()
    world.on("POST", REGISTER, lambda _request: json_answer({"error": "too_many_requests"}, 429))
    return world


@SET.gives("registration-refused", Blame.ISSUER, sign_in="paste")
def public_clients_are_refused() -> World:
    world = plain()
    said = "token_endpoint_auth_method none is not allowed"
    refused = {"error": "invalid_client_metadata", "error_description": said}
    world.on("POST", REGISTER, lambda _request: json_answer(refused, 400))
    return world


@SET.gives("registration-fails", Blame.ISSUER, sign_in="paste")
def a_registration_has_no_client_id() -> World:
    world = plain()
    world.on("POST", REGISTER, lambda _request: json_answer({"id": "42"}, 201))
    return world


@SET.gives("registration-fails", Blame.ISSUER, sign_in="paste")
def registration_crashes() -> World:
    world = plain()
    world.on("POST", REGISTER, fixed(500))
    return world


@SET.gives("client-documents-need-secret", Blame.ISSUER)
def documents_for_confidential_clients_only() -> World:
    world = only_client_documents()
    issuer(
        world,
        registration_endpoint=None,
        client_id_metadata_document_supported=True,
        token_endpoint_auth_methods_supported=["client_secret_basic"],
    )
    return world


@SET.gives(
    "client-needs-registration-by-hand",
    Blame.CONFIGURATION,
    saw=("Incompatible auth server: does not support dynamic client registration",),
)
def a_client_without_an_id() -> World:
    return only_pre_registered()


@SET.gives("authorize-absent", Blame.ISSUER)
def the_authorization_endpoint_is_not_served() -> World:
    world = plain()
    world.on("GET", AUTHORIZE, page(404))
    return world


@SET.gives("authorize-fails", Blame.ISSUER)
def the_authorization_endpoint_crashes() -> World:
    world = plain()
    world.on("GET", AUTHORIZE, fixed(500))
    return world


@SET.gives("redirects-unknown-client", Blame.ISSUER)
def an_open_redirector() -> World:
    world = plain()
    there = "http://127.0.0.1:8765/callback?error=invalid_client"
    world.on("GET", AUTHORIZE, fixed(302, location=there))
    return world


def _documents_refused(body: str) -> World:
    world = only_client_documents()
    inner = world.routes["GET", AUTHORIZE]

    def authorize(request: httpx2.Request) -> object:
        is_document = b"client_id=https" in request.url.query
        return httpx2.Response(400, html=body) if is_document else inner(request)

    world.on("GET", AUTHORIZE, authorize)  # type: ignore[arg-type]
    return world


@SET.gives("client-document-unfetchable", Blame.CLIENT)
def the_vendors_host_refuses_the_issuer() -> World:
    return _documents_refused("<p>invalid_client: client metadata fetch returned 403</p>")


@SET.gives("client-document-refused", Blame.ISSUER)
def the_issuer_refuses_every_document() -> World:
    return _documents_refused("<h1>Unknown client</h1>")


@SET.gives("client-document-refused", Blame.UNSURE)
def the_issuer_does_not_say_why_it_refuses_documents() -> World:
    return _documents_refused("<p>This application could not be verified</p>")


@SET.gives("authorization-refused", Blame.UNSURE, client_id=PRE_REGISTERED)
def the_issuer_refuses_without_a_reason() -> World:
    world = only_pre_registered()
    inner = world.routes["GET", AUTHORIZE]

    def authorize(request: httpx2.Request) -> object:
        is_own = PRE_REGISTERED.encode() in request.url.query
        return httpx2.Response(400, html="<p>Something is wrong</p>") if is_own else inner(request)

    world.on("GET", AUTHORIZE, authorize)  # type: ignore[arg-type]
    return world


@SET.gives("client-unknown", Blame.CONFIGURATION, client_id="a-typing-error")
def a_client_id_that_nobody_knows() -> World:
    return only_pre_registered()


@SET.gives("redirect-uri-refused", Blame.CONFIGURATION, client_id=PRE_REGISTERED)
def another_redirect_uri_is_registered() -> World:
    world = only_pre_registered()
    world.issuers[world.issuer].clients[PRE_REGISTERED] = {"redirect_uris": ["https://a.example/"]}
    return world


@SET.gives("scope-refused", Blame.SERVER, client_id=PRE_REGISTERED)
def the_server_names_scopes_that_the_issuer_does_not_know() -> World:
    world = only_pre_registered()
    world.issuers[world.issuer].known_scopes = frozenset({"openid"})
    _scopes(world, ["mcp:read"])
    return world


def _scopes(world: World, scopes: list[str]) -> None:
    for key in list(world.routes):
        if "oauth-protected-resource" in key[1]:
            world.document(key[1], lambda document: document.update(scopes_supported=scopes))


@SET.gives(
    "scope-hint-missing", Blame.SERVER, saw=("error=invalid_scope",), client_id=PRE_REGISTERED
)
def no_scopes_are_named() -> World:
    return only_pre_registered()


@SET.gives("resource-refused", Blame.ISSUER, client_id=PRE_REGISTERED)
def the_issuer_knows_no_such_resource() -> World:
    world = only_pre_registered()
    inner = world.routes["GET", AUTHORIZE]

    def authorize(request: httpx2.Request) -> object:
        if PRE_REGISTERED.encode() not in request.url.query:
            return inner(request)
        where = "http://127.0.0.1:8765/callback?error=invalid_target"
        return httpx2.Response(302, headers={"location": where})

    world.on("GET", AUTHORIZE, authorize)  # type: ignore[arg-type]
    return world


@SET.gives("token-endpoint-absent", Blame.ISSUER)
def the_token_endpoint_is_not_served() -> World:
    world = plain()
    world.on("POST", "https://login.example/token", page(404))
    return world


@SET.gives("token-endpoint-fails", Blame.ISSUER)
def the_token_endpoint_has_no_backend() -> World:
    world = plain()
    world.on("POST", "https://login.example/token", page(502))
    return world


@SET.gives("token-endpoint-blocked", Blame.PROXY)
def a_rule_stops_the_token_endpoint() -> World:
    world = plain()
    body = "<!doctype html><title>Attention Required! | Cloudflare</title>"
    world.on("POST", "https://login.example/token", page(403, body))
    return world
