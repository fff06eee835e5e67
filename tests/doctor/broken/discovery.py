"""Set-ups that are broken between the challenge and the issuer's metadata."""

import ssl
from collections.abc import Callable

import httpx2

from doorward.doctor.findings.finding import Blame
from doorward.doctor.hops.metadata.resource_metadata import places
from doorward.idp.probe.discovery import forms
from tests.doctor.broken.broken import Set
from tests.doctor.healthy import issuer, issuer_with_path, mcp_server, plain, resource_metadata
from tests.doctor.world import World, fixed, json_answer, page

SET = Set()
PATH = "https://mcp.example/.well-known/oauth-protected-resource/mcp"


def _when(world: World, applies: Callable[[str], bool], answer: httpx2.Response) -> World:
    """Answer ``answer`` to requests whose Authorization header ``applies``."""
    for url in (world.mcp, world.mcp + "/"):
        inner = world.routes["POST", url]

        def post(request: httpx2.Request, inner: object = inner) -> object:
            sent = request.headers.get("authorization", "none")
            return answer if applies(sent) else inner(request)  # type: ignore[operator]

        world.on("POST", url, post)  # type: ignore[arg-type]
    return world


def _late(url: str) -> World:
    world = plain()
    inner = world.routes["GET", url]

    def answer(request: httpx2.Request) -> object:
        world.now += 12.0
        return inner(request)

    world.on("GET", url, answer)  # type: ignore[arg-type]
    return world


@SET.gives("metadata-slow", Blame.SERVER)
def the_resource_metadata_comes_after_twelve_seconds() -> World:
    return _late(PATH)


@SET.gives("issuer-metadata-slow", Blame.ISSUER)
def the_issuers_metadata_comes_after_twelve_seconds() -> World:
    return _late("https://login.example/.well-known/oauth-authorization-server")


@SET.gives("challenge-missing", Blame.SERVER)
def a_401_without_a_header() -> World:
    world = plain()
    mcp_server(world, challenge="")
    return world


@SET.gives("challenge-malformed", Blame.SERVER)
def a_header_without_commas() -> World:
    world = plain()
    mcp_server(world, challenge='Bearer realm="a" resource_metadata="b"')
    return world


@SET.gives("challenge-not-bearer", Blame.UNSURE)
def a_password_in_front() -> World:
    world = plain()
    mcp_server(world, challenge='Basic realm="staging"')
    return world


@SET.gives("challenge-lost-with-empty-token", Blame.SERVER)
def an_empty_bearer_loses_the_challenge() -> World:
    bare = httpx2.Response(401, headers={"www-authenticate": "Bearer"})
    return _when(plain(), lambda sent: sent.strip() == "Bearer", bare)


@SET.gives("challenge-lost-with-bad-token", Blame.SERVER)
def every_token_loses_the_challenge() -> World:
    bare = httpx2.Response(401, headers={"www-authenticate": 'Bearer error="invalid_token"'})
    return _when(plain(), lambda sent: sent != "none", bare)


@SET.gives("bad-token-status", Blame.SERVER)
def a_wrong_token_is_a_crash() -> World:
    crash = json_answer({"detail": "Not enough segments"}, 500)
    return _when(plain(), lambda sent: len(sent) > 10, crash)


@SET.gives("metadata-url-http", Blame.SERVER)
def the_challenge_says_http() -> World:
    world = plain()
    mcp_server(world, challenge=f'Bearer resource_metadata="{PATH.replace("https", "http")}"')
    return world


@SET.gives("metadata-url-not-allowed", Blame.SERVER)
def the_challenge_names_the_container() -> World:
    world = plain()
    mcp_server(world, challenge='Bearer resource_metadata="https://10.0.3.7/metadata"')
    return world


@SET.gives("metadata-page", Blame.SERVER)
def a_single_page_application_serves_the_metadata_url() -> World:
    world = plain()
    world.on("GET", PATH, page())
    return world


@SET.gives("metadata-protected", Blame.UNSURE)
def the_middleware_protects_the_metadata() -> World:
    world = plain()
    world.on("GET", PATH, fixed(401, www_authenticate="Bearer"))
    return world


@SET.gives("metadata-not-found", Blame.SERVER)
def the_announced_url_is_not_served() -> World:
    world = plain()
    del world.routes["GET", PATH]
    return world


@SET.gives("metadata-not-found", Blame.UNSURE)
def no_metadata_url_is_served() -> World:
    world = plain()
    for _, url in places(world.mcp):
        del world.routes["GET", url]
    return world


@SET.gives("metadata-unreadable", Blame.SERVER)
def the_metadata_is_not_json() -> World:
    world = plain()
    world.on("GET", PATH, fixed(200, "resource: mcp", content_type="text/yaml"))
    return world


@SET.gives("metadata-fails", Blame.SERVER)
def the_metadata_crashes() -> World:
    world = plain()
    world.on("GET", PATH, fixed(500))
    return world


@SET.gives("no-metadata", Blame.SERVER)
def nothing_says_where_to_sign_in() -> World:
    world = plain()
    mcp_server(world, challenge="Bearer")
    for _, url in places(world.mcp):
        del world.routes["GET", url]
    return world


@SET.gives("resource-missing", Blame.SERVER)
def the_metadata_has_no_resource() -> World:
    world = plain()
    world.document(PATH, lambda document: document.pop("resource"))
    return world


@SET.gives("resource-mismatch", Blame.SERVER)
def the_resource_is_http() -> World:
    world = plain()
    resource_metadata(world, resource="http://mcp.example/mcp")
    return world


@SET.gives("resource-mismatch", Blame.SERVER)
def the_resource_is_another_path() -> World:
    world = plain()
    resource_metadata(world, resource="https://mcp.example/mcp/v2")
    return world


@SET.gives("no-issuer-named", Blame.SERVER)
def the_metadata_names_no_issuer() -> World:
    world = plain()
    resource_metadata(world, authorization_servers=[])
    return world


@SET.gives("issuer-not-allowed", Blame.SERVER)
def the_issuer_is_a_container() -> World:
    world = plain()
    resource_metadata(world, authorization_servers=["http://keycloak:8080/realms/mcp"])
    return world


@SET.gives("issuer-not-allowed", Blame.SERVER)
def the_issuers_name_is_private() -> World:
    world = plain()
    world.addresses["login.example"] = ("10.1.1.1",)
    return world


@SET.gives("issuer-unreachable", Blame.ISSUER)
def the_issuer_is_down() -> World:
    world = plain()
    for method, url in list(world.routes):
        if url.startswith(world.issuer):
            del world.routes[method, url]
    return world


@SET.gives("issuer-metadata-missing", Blame.UNSURE)
def the_issuer_has_another_path() -> World:
    world = issuer_with_path()
    resource_metadata(world, authorization_servers=["https://login.example/auth/realms/mcp"])
    return world


@SET.gives("issuer-metadata-behind-path", Blame.ISSUER)
def the_metadata_is_behind_the_path() -> World:
    world = issuer_with_path()
    right, *_, behind = forms(world.issuer)
    document = world.routes["GET", right.url]
    for form in forms(world.issuer):
        world.routes.pop(("GET", form.url), None)
    world.on("GET", behind.url, document)
    return world


@SET.gives("issuer-metadata-page", Blame.ISSUER)
def a_single_page_application_is_the_issuer() -> World:
    world = plain()
    for form in forms(world.issuer):
        world.on("GET", form.url, page())
    return world


@SET.gives("issuer-spelled-differently", Blame.SERVER)
def a_url_type_adds_a_slash() -> World:
    world = plain()
    resource_metadata(world, authorization_servers=[world.issuer + "/"])
    return world


@SET.gives("issuer-mismatch", Blame.ISSUER)
def the_document_lacks_the_path() -> World:
    world = plain()
    issuer(world, "https://login.example/app")
    for form in forms("https://login.example/app"):
        if form.for_clients:
            world.document(
                form.url, lambda document: document.update(issuer="https://login.example")
            )
    resource_metadata(world, authorization_servers=["https://login.example/app"])
    return world


@SET.gives("issuer-endpoints-missing", Blame.ISSUER)
def the_issuer_has_no_token_endpoint() -> World:
    world = plain()
    issuer(world, token_endpoint=None)
    return world


@SET.gives("issuer-endpoint-not-allowed", Blame.ISSUER)
def the_issuer_builds_http_urls() -> World:
    world = plain()
    issuer(world, token_endpoint="http://login.example/token")
    return world


@SET.gives("pkce-not-advertised", Blame.ISSUER)
def the_issuer_does_not_say_s256() -> World:
    world = plain()
    issuer(world, code_challenge_methods_supported=None)
    return world


@SET.gives("issuer-name-unresolved", Blame.SERVER)
def the_issuer_has_the_name_of_a_container() -> World:
    world = plain()
    resource_metadata(world, authorization_servers=["https://keycloak:8443/realms/mcp"])
    world.addresses["keycloak"] = ()
    return world


@SET.gives("issuer-certificate-untrusted", Blame.ISSUER)
def the_issuers_certificate_is_self_signed() -> World:
    world = plain()
    problem = ssl.SSLCertVerificationError(1, "certificate verify failed")
    problem.verify_message = "self-signed certificate"

    def fail(_request: httpx2.Request) -> httpx2.Response:
        error = httpx2.ConnectError("certificate verify failed")
        raise error from problem

    for form in forms(world.issuer):
        world.on("GET", form.url, fail)
    return world


@SET.gives("issuer-names-document", Blame.SERVER)
def the_server_names_the_metadata_document() -> World:
    world = plain()
    named = "https://login.example/.well-known/openid-configuration"
    resource_metadata(world, authorization_servers=[named])
    return world


@SET.gives("issuer-metadata-page", Blame.ISSUER)
def a_page_answers_before_the_document() -> World:
    world = plain()
    world.on("GET", forms(world.issuer)[0].url, page())
    return world


@SET.gives("no-metadata", Blame.SERVER)
def the_resource_metadata_is_behind_the_path() -> World:
    world = nothing_says_where_to_sign_in()
    behind = world.mcp + "/.well-known/oauth-protected-resource"
    document = {"resource": world.mcp, "authorization_servers": [world.issuer]}
    world.on("GET", behind, lambda _request: json_answer(document))
    return world


@SET.gives("challenge-missing", Blame.UNSURE)
def a_proxy_may_have_removed_the_header() -> World:
    world = plain()
    mcp_server(world, challenge="")
    for url in (world.mcp, world.mcp + "/"):
        world.wrap("POST", url, lambda answer: _behind_nginx(answer))
    return world


def _behind_nginx(answer: httpx2.Response) -> httpx2.Response:
    answer.headers["server"] = "nginx/1.29"
    return answer


def _on_this_machine() -> World:
    """A server and its issuer on loopback, behind a proxy that speaks TLS."""
    world = World(mcp="https://localhost:8443/mcp", issuer="https://localhost:8444")
    world.addresses["localhost"] = ("127.0.0.1",)
    mcp_server(world)
    resource_metadata(world)
    issuer(world)
    return world


@SET.gives("metadata-url-http", Blame.SERVER)
def the_challenge_on_this_machine_says_http() -> World:
    world = _on_this_machine()
    there = "http://localhost:8443/.well-known/oauth-protected-resource/mcp"
    mcp_server(world, challenge=f'Bearer resource_metadata="{there}"')
    return world


@SET.gives("issuer-not-allowed", Blame.SERVER)
def the_issuer_on_this_machine_is_http() -> World:
    world = _on_this_machine()
    resource_metadata(world, authorization_servers=["http://localhost:8443"])
    return world


@SET.gives("issuer-endpoint-not-allowed", Blame.ISSUER)
def the_issuer_on_this_machine_builds_http_urls() -> World:
    world = _on_this_machine()
    issuer(world, token_endpoint="http://localhost:8444/token")
    return world


@SET.gives("code-flow-missing", Blame.ISSUER)
def the_issuer_has_the_implicit_flow_only() -> World:
    world = plain()
    issuer(world, response_types_supported=["token", "id_token"])
    return world


@SET.gives("code-flow-missing", Blame.ISSUER)
def the_issuer_is_for_machines() -> World:
    world = plain()
    issuer(world, grant_types_supported=["client_credentials"])
    return world


@SET.gives("pushed-requests-required", Blame.ISSUER)
def every_request_must_be_pushed() -> World:
    world = plain()
    issuer(world, require_pushed_authorization_requests=True)
    return world


@SET.gives("client-auth-unsupported", Blame.ISSUER)
def clients_need_a_key() -> World:
    world = plain()
    issuer(world, token_endpoint_auth_methods_supported=["private_key_jwt", "tls_client_auth"])
    return world
