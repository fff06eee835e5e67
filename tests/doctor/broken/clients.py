"""Set-ups that are right, and clients that are not; and sentences that need somebody else."""

from doorward.doctor.findings.finding import Blame
from tests.doctor.broken.broken import Set
from tests.doctor.healthy import (
    issuer,
    issuer_with_path,
    mcp_server,
    only_pre_registered,
    plain,
    resource_metadata,
)
from tests.doctor.world import World

SET = Set()


@SET.gives("client-takes-scopes-from-issuer", Blame.CLIENT, persona="codex")
def scopes_are_not_in_the_issuers_metadata() -> World:
    world = World()
    mcp_server(world)
    resource_metadata(world, scopes_supported=["mcp:read"])
    issuer(world, scopes_supported=["openid", "profile"])
    return world


@SET.gives(
    "client-ignores-issuer", Blame.CLIENT, saw=("GET https://mcp.example/authorize?x=1 404",)
)
def a_client_guesses_the_authorization_endpoint() -> World:
    return plain()


@SET.gives(
    "client-drops-issuer-path",
    Blame.CLIENT,
    saw=("404 from https://login.example/.well-known/oauth-authorization-server",),
)
def a_client_leaves_out_the_realm() -> World:
    return issuer_with_path()


@SET.gives(
    "client-does-not-step-up",
    Blame.CLIENT,
    persona="codex",
    saw=('403 Bearer error="insufficient_scope", scope="mcp:admin"',),
)
def a_client_shows_insufficient_scope() -> World:
    return plain()


@SET.gives("client-id-forgotten", Blame.UNSURE, saw=("invalid_client: Client not found",))
def a_client_keeps_an_id() -> World:
    return plain()


@SET.gives("client-lost-state", Blame.CLIENT, saw=("OAuth state not found",))
def a_platform_loses_its_state() -> World:
    return plain()


@SET.gives(
    "callback-port-taken",
    Blame.CONFIGURATION,
    saw=("Error: listen EADDRINUSE: address already in use 127.0.0.1:3334",),
)
def two_windows_use_one_port() -> World:
    return plain()


@SET.gives(
    "consent-page-blocks-redirect",
    Blame.ISSUER,
    saw=("Refused to send form data to 'http://127.0.0.1:3334/' because it violates",),
)
def a_consent_page_stops_its_own_redirect() -> World:
    return plain()


@SET.gives(
    "client-redirect-uri-missing",
    Blame.CONFIGURATION,
    persona="claude",
    saw=("AADSTS50011: The redirect URI specified in the request does not match",),
)
def an_application_lacks_the_clients_address() -> World:
    return only_pre_registered()


@SET.gives("client-redirect-uri-missing", Blame.UNSURE, saw=("Error 400: redirect_uri_mismatch",))
def a_registered_client_sends_another_address() -> World:
    return plain()


@SET.gives("admin-consent-needed", Blame.CONFIGURATION, saw=("Need admin approval",))
def a_directory_wants_its_administrator() -> World:
    return plain()


@SET.gives("user-not-assigned", Blame.CONFIGURATION, saw=("AADSTS50105: Your administrator",))
def a_directory_admits_assigned_users() -> World:
    return plain()


@SET.gives(
    "nothing-wrong-from-outside",
    Blame.UNSURE,
    saw=("Authorization with the MCP server failed (ofid_a1b2)",),
)
def a_hosted_client_shows_a_reference() -> World:
    return plain()


@SET.gives("nothing-wrong-from-outside", Blame.UNSURE, saw=("TypeError: fetch failed",))
def a_client_shows_what_its_runtime_says() -> World:
    return plain()


@SET.gives(
    "client-distrusts-certificate",
    Blame.CONFIGURATION,
    saw=("Error: self-signed certificate in certificate chain",),
)
def a_company_opens_tls_connections() -> World:
    return plain()
