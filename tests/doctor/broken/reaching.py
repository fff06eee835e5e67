"""Set-ups that are broken before the MCP endpoint answers."""

import ssl

import httpx2

from doorward.doctor.findings.finding import Blame
from tests.doctor.broken.broken import Set
from tests.doctor.healthy import issuer, mcp_answer, mcp_server, plain, resource_metadata
from tests.doctor.world import PUBLIC, World, fixed, json_answer, page

SET = Set()


@SET.gives("name-unresolved", Blame.CONFIGURATION)
def a_name_without_addresses() -> World:
    world = plain()
    world.addresses["mcp.example"] = ()
    return world


@SET.gives("addresses-mixed", Blame.CONFIGURATION)
def a_private_address_beside_a_public_one() -> World:
    world = plain()
    world.addresses["mcp.example"] = (PUBLIC, "10.0.0.5")
    return world


@SET.gives("no-ipv4-address", Blame.CONFIGURATION)
def only_an_ipv6_address() -> World:
    world = plain()
    world.addresses["mcp.example"] = ("2606:2800:220:1:248:1893:25c8:1946",)
    return world


def _fails(world: World, error: Exception) -> World:
    def fail(_request: httpx2.Request) -> httpx2.Response:
        raise error

    world.every = fail
    return world


@SET.gives("certificate-untrusted", Blame.CONFIGURATION)
def a_certificate_without_its_intermediate() -> World:
    problem = ssl.SSLCertVerificationError(1, "certificate verify failed")
    problem.verify_message = "unable to get local issuer certificate"
    error = httpx2.ConnectError("certificate verify failed")
    error.__cause__ = problem
    return _fails(plain(), error)


@SET.gives("tls-failed", Blame.UNSURE)
def plain_http_at_the_port() -> World:
    error = httpx2.ConnectError("wrong version number")
    error.__cause__ = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
    return _fails(plain(), error)


@SET.gives("connection-refused", Blame.UNSURE)
def nobody_listens() -> World:
    error = httpx2.ConnectError("All connection attempts failed")
    error.__cause__ = ConnectionRefusedError(111, "Connection refused")
    return _fails(plain(), error)


@SET.gives("connection-times-out", Blame.UNSURE)
def a_firewall_drops_packets() -> World:
    return _fails(plain(), httpx2.ConnectTimeout("timed out"))


@SET.gives("endpoint-hangs", Blame.UNSURE)
def the_first_request_is_never_answered() -> World:
    return _fails(plain(), httpx2.ReadTimeout("timed out"))


@SET.gives("connection-lost", Blame.UNSURE)
def the_server_hangs_up() -> World:
    return _fails(plain(), httpx2.RemoteProtocolError("Server disconnected"))


def _both(world: World, *answers: object) -> World:
    for method in ("POST", "GET"):
        for url, handler in zip((world.mcp, world.mcp + "/"), answers, strict=False):
            if handler is not None:
                world.on(method, url, handler)  # type: ignore[arg-type]
    return world


@SET.gives("redirect-to-http", Blame.SERVER)
def the_redirect_of_a_slash_leads_to_http() -> World:
    return _both(plain(), fixed(307, location="http://mcp.example/mcp/"))


@SET.gives("redirect-slash", Blame.SERVER)
def the_framework_redirects_slashes() -> World:
    return _both(plain(), fixed(307, location="https://mcp.example/mcp/"))


@SET.gives("path-rule", Blame.PROXY)
def the_balancer_routes_only_what_follows_the_path() -> World:
    return _both(plain(), fixed(302, location="https://login.example/signin?next=mcp"))


@SET.gives("path-rule", Blame.PROXY)
def another_server_answers_the_bare_path() -> World:
    return _both(plain(), page(404, server="nginx"))


@SET.gives("wrong-form", Blame.UNSURE)
def a_mount_answers_only_with_a_slash() -> World:
    return _both(plain(), fixed(404, '{"detail":"Not Found"}', content_type="application/json"))


@SET.gives("wrong-path", Blame.CONFIGURATION)
def the_url_lacks_the_path() -> World:
    world = plain()
    world.mcp = "https://mcp.example/api"
    return world


@SET.gives("old-sse-transport", Blame.SERVER)
def the_transport_of_2024() -> World:
    stream = fixed(200, content_type="text/event-stream")
    world = _both(plain(), fixed(405), fixed(405))
    world.on("GET", world.mcp, stream)
    return world


@SET.gives("login-page", Blame.UNSURE)
def a_sign_in_for_browsers() -> World:
    there = fixed(302, location="/login?next=/mcp")
    return _both(plain(), there, there)


@SET.gives("login-page", Blame.PROXY)
def an_access_proxy() -> World:
    there = fixed(
        302, location="https://team.cloudflareaccess.com/cdn-cgi/access/login/mcp.example"
    )
    return _both(plain(), there, there)


@SET.gives("endpoint-redirects", Blame.UNSURE)
def the_host_has_moved() -> World:
    there = fixed(301, location="https://www.mcp.example/mcp")
    return _both(plain(), there, there)


@SET.gives("host-refused", Blame.SERVER)
def protection_against_rebinding_knows_localhost_only() -> World:
    refused = fixed(421, "Invalid Host header")
    world = plain()
    return _both(world, refused, refused)


@SET.gives("blocked-by-edge", Blame.PROXY)
def a_bot_rule_stops_every_request() -> World:
    body = (
        "<!doctype html><title>Attention Required! | Cloudflare</title>Sorry, you have been blocked"
    )
    stopped = page(403, body, server="cloudflare")
    return _both(plain(), stopped, stopped)


@SET.gives("backend-away", Blame.UNSURE)
def a_tunnel_is_not_running() -> World:
    world = plain()
    world.every = page(404, "<!doctype html>ERR_NGROK_3200", ngrok_error_code="ERR_NGROK_3200")
    return world


@SET.gives("backend-away", Blame.UNSURE)
def the_backend_is_stopped() -> World:
    world = plain()
    world.every = page(502, "<html><h1>502 Bad Gateway</h1>nginx</html>", server="nginx")
    return world


@SET.gives("server-fails", Blame.SERVER)
def the_server_raises() -> World:
    failed = fixed(500, "Internal Server Error", content_type="text/plain")
    return _both(plain(), failed, failed)


@SET.gives("rate-limited", Blame.UNSURE)
def a_limit_per_address() -> World:
    world = plain()
    world.every = fixed(429, retry_after="60")
    return world


@SET.gives("forbidden-instead-of-401", Blame.SERVER)
def an_application_answers_403() -> World:
    refused = fixed(403, '{"detail":"Not authenticated"}', content_type="application/json")
    return _both(plain(), refused, refused)


@SET.gives("forbidden-instead-of-401", Blame.SERVER)
def an_application_answers_403_with_text() -> World:
    refused = fixed(403, "Forbidden: token required", content_type="text/plain")
    return _both(plain(), refused, refused)


@SET.gives("forbidden-instead-of-401", Blame.UNSURE)
def somebody_behind_nginx_answers_403() -> World:
    refused = fixed(403, "Forbidden", content_type="text/plain", server="nginx")
    return _both(plain(), refused, refused)


@SET.gives("error-in-200", Blame.SERVER)
def a_json_rpc_error_says_unauthorized() -> World:
    error = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32001, "message": "Unauthorized"}}
    told = lambda _request: json_answer(error)  # noqa: E731 - a handler
    return _both(plain(), told, told)


@SET.gives("page-instead-of-endpoint", Blame.UNSURE)
def a_single_page_application_answers_everything() -> World:
    return _both(plain(), page(), page())


@SET.gives("no-endpoint", Blame.UNSURE)
def nothing_at_all() -> World:
    world = plain()
    world.every = fixed(404, "Not Found")
    return world


@SET.gives("any-token-accepted", Blame.SERVER)
def a_server_that_only_asks_for_a_token() -> World:
    world = plain()
    refuse = world.routes["POST", world.mcp]

    def post(request: httpx2.Request) -> object:
        sent = request.headers.get("authorization", "").strip()
        return mcp_answer(request) if len(sent) > 8 else refuse(request)

    for url in (world.mcp, world.mcp + "/"):
        world.on("POST", url, post)  # type: ignore[arg-type]
    return world


@SET.gives("body-limit", Blame.PROXY)
def a_limit_on_bodies_fits_no_message() -> World:
    refused = page(413, "<html><h1>413 Request Entity Too Large</h1></html>", server="nginx")
    return _both(plain(), refused, refused)


@SET.gives("port-not-443", Blame.CONFIGURATION)
def another_port() -> World:
    world = World(mcp="https://mcp.example:8443/mcp")
    mcp_server(world)
    resource_metadata(world)
    issuer(world)
    return world
