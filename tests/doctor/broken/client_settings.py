"""Set-ups that are right, and clients that are set to something else or keep what was."""

from doorward.doctor.findings.finding import Blame
from tests.doctor.broken.broken import Set
from tests.doctor.healthy import only_client_documents, plain
from tests.doctor.world import World

SET = Set()
NO_REGISTRATION = "Incompatible auth server: does not support dynamic client registration"


@SET.gives(
    "client-has-other-url",
    Blame.CONFIGURATION,
    saw=(
        (
            "Protected resource https://mcp.example/mcp does not match expected "
            "https://mcp.example/mcp/ (or origin)"
        ),
    ),
)
def a_client_was_given_a_slash_too_much() -> World:
    return plain()


@SET.gives(
    "client-has-other-url",
    Blame.CONFIGURATION,
    saw=("Error: getaddrinfo ENOTFOUND mcp.exmaple",),
)
def a_client_was_given_a_misspelled_host() -> World:
    return plain()


@SET.gives(
    "client-cannot-resolve",
    Blame.CONFIGURATION,
    saw=("Error: getaddrinfo ENOTFOUND mcp.example",),
)
def a_clients_name_server_does_not_know_the_host() -> World:
    return plain()


def _resource(resource: str) -> World:
    world = plain()
    for _, url in list(world.routes):
        if "oauth-protected-resource" in url:
            world.document(url, lambda document: document.update(resource=resource))
    return world


@SET.gives(
    "resource-not-exact",
    Blame.SERVER,
    saw=("Protected resource https://mcp.example does not match expected https://mcp.example/mcp",),
)
def a_strict_client_meets_the_origin_as_resource() -> World:
    return _resource("https://mcp.example")


@SET.gives("resource-not-exact", Blame.CONFIGURATION, persona="vscode")
def a_strict_client_was_given_the_url_without_its_slash() -> World:
    return _resource("https://mcp.example/mcp/")


@SET.gives(
    "client-keeps-old-metadata",
    Blame.CLIENT,
    saw=(
        (
            "Protected resource https://old.example/mcp does not match expected "
            "https://mcp.example/mcp"
        ),
    ),
)
def a_client_keeps_the_resource_of_an_old_host() -> World:
    return plain()


@SET.gives("client-keeps-old-metadata", Blame.CLIENT, saw=(NO_REGISTRATION,))
def a_client_keeps_metadata_without_registration() -> World:
    return plain()


@SET.gives("client-lacks-documents", Blame.CLIENT, persona="cursor", saw=(NO_REGISTRATION,))
def a_client_registers_where_documents_are_wanted() -> World:
    return only_client_documents()


@SET.gives(
    "client-uses-old-transport",
    Blame.CONFIGURATION,
    saw=("SSE error: Non-200 status code (405)",),
)
def a_client_is_set_to_sse() -> World:
    return plain()


@SET.gives(
    "client-variable-not-set",
    Blame.CONFIGURATION,
    saw=("sent Authorization: Bearer ${API_KEY}, got 401",),
)
def a_client_does_not_replace_a_variable() -> World:
    return plain()


@SET.gives(
    "client-races-refresh",
    Blame.CLIENT,
    saw=("invalid_grant: refresh token has already been used",),
)
def two_windows_refresh_one_token() -> World:
    return plain()


@SET.gives(
    "client-asks-other-scopes",
    Blame.CLIENT,
    saw=(
        (
            "invalid_client_metadata: Requested scopes are not valid: "
            "https://mcp.example/.well-known/oauth-protected-resource/mcp"
        ),
    ),
)
def a_client_takes_a_url_for_a_scope() -> World:
    return plain()
