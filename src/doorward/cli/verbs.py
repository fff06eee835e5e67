"""Every verb of ``doorward``, in one table: help, the docs' command reference and completion read it."""

from typing import NamedTuple

TRY = "Try it"
CALL = "Call a protected MCP server"
PROTECT = "Protect an MCP server"
OPERATE = "Operate an authorization server"


class Verb(NamedTuple):
    """One verb: ``name`` as typed, ``target`` as ``module:function``, its help, and its panel."""

    name: str
    target: str
    """A module without a function is a group: the verbs whose names begin with its name."""
    help: str
    """The first line of the function's docstring; a test holds them equal."""
    panel: str = ""

    @property
    def group(self) -> str:
        """Return the group that the verb belongs to: ``idp`` for ``idp show``, else ``""``."""
        return self.name.rpartition(" ")[0]


VERBS = (
    Verb(
        "demo",
        "doorward.cli.server.demo:demo",
        "Run an authorization server and a protected MCP server on this machine.",
        TRY,
    ),
    Verb("login", "doorward.cli.client.login:login", "Sign in to an MCP server.", CALL),
    Verb(
        "whoami",
        "doorward.cli.client.whoami:whoami",
        "Show the signed-in user, the scopes and when the token expires.",
        CALL,
    ),
    Verb("tools", "doorward.cli.client.tools:tools", "List the tools that you may call.", CALL),
    Verb("call", "doorward.cli.client.call:call", "Call a tool and print its result.", CALL),
    Verb(
        "bridge",
        "doorward.cli.client.bridge:bridge",
        "Connect a stdio-only MCP client to a protected HTTP server.",
        CALL,
    ),
    Verb(
        "client-document",
        "doorward.cli.client.client_document:client_document",
        "Write or check a client ID metadata document.",
        CALL,
    ),
    Verb(
        "doctor",
        "doorward.cli.doctor.doctor:doctor",
        "Find out which hop of a sign-in fails, why, and who must act.",
        CALL,
    ),
    Verb("logout", "doorward.cli.client.logout:logout", "Revoke and delete stored tokens.", CALL),
    Verb(
        "token",
        "doorward.cli.server.token:token",
        "Create a signed access token for local tests.",
        PROTECT,
    ),
    Verb("api-key", "doorward.cli.server.api_key", "Create, list and revoke API keys.", PROTECT),
    Verb("api-key create", "doorward.cli.server.api_key:create", "Create an API key."),
    Verb("api-key list", "doorward.cli.server.api_key:list_keys", "List the API keys in a file."),
    Verb("api-key revoke", "doorward.cli.server.api_key:revoke", "Revoke an API key for good."),
    Verb(
        "init",
        "doorward.cli.server.init:init",
        "Write a configuration file from five answers.",
        PROTECT,
    ),
    Verb(
        "protect",
        "doorward.cli.server.protect:protect",
        "Protect one MCP server with a sign-in, and serve it at once.",
        PROTECT,
    ),
    Verb(
        "serve",
        "doorward.cli.server.serve:serve",
        "Serve an authorization server and guarded MCP servers from one file.",
        PROTECT,
    ),
    Verb(
        "check",
        "doorward.cli.server.check:check",
        "Test a configuration file without serving it.",
        PROTECT,
    ),
    Verb(
        "gateway",
        "doorward.cli.server.gateway:gateway",
        "Run a reverse proxy for one Keycloak realm, with CORS and the well-known paths.",
        PROTECT,
    ),
    Verb(
        "who-can",
        "doorward.cli.policy.who_can:who_can",
        "Show which scopes and roles each tool, prompt and resource needs.",
        PROTECT,
    ),
    Verb(
        "why",
        "doorward.cli.policy.why:why",
        "Explain why a caller may or may not use a tool.",
        PROTECT,
    ),
    Verb("pins", "doorward.cli.policy.pins", "Review and accept the tools of a server.", PROTECT),
    Verb("pins list", "doorward.cli.policy.pins:list_pins", "List the accepted tools."),
    Verb(
        "pins diff",
        "doorward.cli.policy.pins:diff",
        "Show how the tools of a server differ from the accepted ones.",
    ),
    Verb(
        "pins accept",
        "doorward.cli.policy.pins:accept",
        "Accept the tools of a server as they are now.",
    ),
    Verb(
        "story",
        "doorward.cli.server.story:story",
        "Show what happened in the last sign-in attempts, request by request.",
        OPERATE,
    ),
    Verb("grants", "doorward.cli.authserver.grants", "List and end what users allowed.", OPERATE),
    Verb("grants list", "doorward.cli.authserver.grants:list_grants", "List the grants in use."),
    Verb(
        "grants end",
        "doorward.cli.authserver.grants:end",
        "End grants, and revoke all tokens of them.",
    ),
    Verb("audit", "doorward.cli.authserver.audit", "Check the audit file.", OPERATE),
    Verb(
        "audit verify",
        "doorward.cli.authserver.audit:verify",
        "Check the hash chain of an audit file and of the rotated files beside it.",
    ),
    Verb("keys", "doorward.cli.authserver.keys", "Replace the server's keys.", OPERATE),
    Verb(
        "keys rotate",
        "doorward.cli.authserver.keys:rotate",
        "Replace the keys that sign access tokens and encrypt provider tokens.",
    ),
    Verb("users", "doorward.cli.authserver.users", "Manage users with a password.", OPERATE),
    Verb(
        "users list",
        "doorward.cli.authserver.users:list_all",
        "List the users, with their scopes and roles.",
    ),
    Verb("users add", "doorward.cli.authserver.users:add", "Add a user with a password."),
    Verb(
        "users disable",
        "doorward.cli.authserver.users:disable",
        "Disable a user: end all sessions and revoke all tokens.",
    ),
    Verb(
        "users enable",
        "doorward.cli.authserver.users:enable",
        "Let a disabled user sign in again.",
    ),
    Verb(
        "users remove",
        "doorward.cli.authserver.users:remove",
        "Remove a user, with all sessions, consents, grants and connected accounts.",
    ),
    Verb("clients", "doorward.cli.authserver.clients", "Manage OAuth clients.", OPERATE),
    Verb(
        "clients list",
        "doorward.cli.authserver.clients:list_all",
        "List the clients: registered, added, configured, and client ID documents in use.",
    ),
    Verb(
        "clients add",
        "doorward.cli.authserver.clients:add",
        "Add a client that does not register itself.",
    ),
    Verb(
        "clients remove",
        "doorward.cli.authserver.clients:remove",
        "Remove a client with its consents, and revoke its tokens.",
    ),
    Verb("idp", "doorward.cli.idp", "Compare and test identity providers.", PROTECT),
    Verb(
        "idp table",
        "doorward.cli.idp.table:table",
        "Show which identity provider supports what of MCP authorization.",
    ),
    Verb(
        "idp show",
        "doorward.cli.idp.show:show",
        "Show one provider: its tokens, its quirks, and how to sign people in there.",
    ),
    Verb(
        "idp probe",
        "doorward.cli.idp.probe:probe",
        "Test a live provider: what it advertises, and what of that works.",
    ),
)
