"""Every setting of a configuration file, in one table: the reader and the JSON Schema follow it."""

from typing import Any, get_args

from limits import parse as parse_rate

from doorward.authserver import (
    Allow,
    ConfiguredClient,
    ExchangePolicy,
    IdentityProvider,
    Lifetimes,
    Limits,
    Resource,
)
from doorward.authserver.client_auth_methods import AUTH_METHODS
from doorward.config.operations import AuditSettings, LogSettings, OperationsSettings
from doorward.config.reading.build import (
    DatabaseUrl,
    FromEnvironment,
    SecretFile,
    introspection_of,
)
from doorward.config.reading.document import Place
from doorward.config.reading.kinds import (
    NETWORK,
    WORDS,
    Checked,
    Choice,
    FilePath,
    Flag,
    Items,
    JsonFile,
    JsonSchema,
    Moment,
    Named,
    Number,
    OneOrMore,
    Text,
)
from doorward.config.reading.tables import Setting, Table
from doorward.config.settings import (
    NamedRule,
    TrustedClients,
    TrustedIssuerSettings,
    credentials_of,
    exchange_of,
    listen_address,
    mcp_server_of,
    policy_of,
    process_of,
    upstream_url,
)
from doorward.idp.clients.client import REFUSAL_FORMS
from doorward.jose.algorithm_names import SigningAlgorithm
from doorward.operations.endpoints import EVERY_ENDPOINT
from doorward.policy import EVERY_KIND, Rule

_RATE = Checked(parse_rate, "a rate", '"60/5 minutes"')
_SECONDS = Number()
_COUNT = Number(1, whole=True)
_SCOPES = Named(Text())


class _Address(Checked):
    """A host and a port, read as the pair of them."""

    def read(self, value: Any, place: Place) -> Any:
        """Return the host and the port."""
        return listen_address(super().read(value, place))


_LISTEN = _Address(listen_address, "a host and a port", '"127.0.0.1:8000"')

_FROM_ISSUER_TO_US = "where this process reaches the issuer, if that differs; it may be plain http"


LIFETIMES = Table(
    (
        Setting("code", _SECONDS, "Seconds until an authorization code expires, at most 60."),
        Setting("access_token", _SECONDS, "Seconds until an access token expires."),
        Setting("refresh_idle", _SECONDS, "Seconds until an unused refresh token expires."),
        Setting("refresh_absolute", _SECONDS, "Seconds until users must sign in again."),
        Setting("refresh_grace", _SECONDS, "Seconds in which a used refresh token works again."),
        Setting("session_idle", _SECONDS, "Seconds until an unused browser session ends."),
        Setting("session_absolute", _SECONDS, "Seconds until a browser session ends."),
        Setting("known_browser", _SECONDS, "Seconds for which a browser stays known."),
        Setting("transaction", _SECONDS, "Seconds in which a sign-in must be completed."),
        Setting("unused_client", _SECONDS, "Seconds until an unused registration is deleted."),
        Setting("idle_client", _SECONDS, "Seconds until a client without grants is deleted."),
        Setting("signing_key", _SECONDS, "Seconds after which the signing key is replaced."),
        Setting("document_floor", _SECONDS, "The least seconds to cache a client document."),
        Setting("document_ceiling", _SECONDS, "The most seconds to cache a client document."),
    ),
    Lifetimes,
)

LIMITS = Table(
    (
        Setting("registrations_per_address", _RATE, "Registrations of clients from one network."),
        Setting("registrations", _RATE, "Registrations of clients in total."),
        Setting(
            "sign_in_failures_per_name_and_address",
            _RATE,
            "Wrong passwords for one username in one network or known browser.",
        ),
        Setting("sign_in_failures_per_name", _RATE, "Wrong passwords for one username in total."),
        Setting("sign_ins_per_address", _RATE, "Sign-ins from one network, right or wrong."),
        Setting("token_failures_per_address", _RATE, "Refused token requests of one network."),
        Setting("authorizations_per_address", _RATE, "Authorization requests of one network."),
        Setting("clients", _COUNT, "The most registered clients."),
        Setting("code_attempts", _COUNT, "The most attempts to redeem one code."),
    ),
    Limits,
)

RESOURCE = Table(
    (
        Setting("uri", Text('"https://mcp.example.com/mcp"'), "The URL of the server.", True),
        Setting("scopes", _SCOPES, "Each scope, with its text on the consent page.", True),
        Setting("name", Text(), "The name on the consent page."),
        Setting("default_scopes", WORDS, "The scopes of a request that names none."),
    ),
    Resource,
)

CLIENT = Table(
    (
        Setting("client_id", Text(), "The client's id.", True),
        Setting("redirect_uris", Items(), "The client's redirect URIs."),
        Setting("secret", Text(), "The client's secret, 32 characters or more.", source="secret"),
        Setting("name", Text(), "The client's name on the consent page."),
        Setting(
            "auth_method",
            Choice(tuple(one.name for one in AUTH_METHODS)),
            "How the client authenticates at the token endpoint.",
        ),
        Setting("grant_types", Items(), "The grant types that the client may use."),
        Setting("jwks", JsonFile(), "The file with the client's public keys, as a JWKS."),
        Setting("jwks_uri", Text(), "The https URL of the client's public keys."),
        Setting("introspects", Text(), "The resource whose tokens this client may introspect."),
        Setting(
            "provider_tokens",
            Items(),
            "Identity providers whose tokens this client, a server, may get for its callers.",
        ),
    ),
    ConfiguredClient,
)

EXCHANGE = Table(
    (
        Setting("client_id", Text(), "The configured client that exchanges tokens.", True),
        Setting("resource", Text(), "The resource of the tokens that it receives.", True),
        Setting("target", Text(), "The resource of the new tokens.", True),
        Setting("scopes", Named(WORDS), "For each scope, the scopes at the target.", True),
    ),
    ExchangePolicy,
)

AUTHORIZATION_SERVER = Table(
    (
        Setting("issuer", Text('"https://auth.example.com"'), "The public URL.", True),
        Setting("resources", Items(RESOURCE), "MCP servers elsewhere that tokens are issued for."),
        Setting("service_name", Text(), "The name on sign-in and consent pages."),
        Setting(
            "database_url",
            DatabaseUrl(),
            "Where users, clients, grants and keys are stored; without it, they are lost at exit.",
            source="either",
        ),
        Setting(
            "database_password_file",
            FilePath(),
            "The file with the password for PostgreSQL; it is read for each new connection.",
        ),
        Setting(
            "secret_file",
            FilePath(),
            "The file with the secret that encrypts the signing keys; it is created if missing.",
        ),
        Setting(
            "secret_env",
            FromEnvironment(),
            "The environment variable with that secret, 32 random characters or more.",
        ),
        Setting(
            "signing_algorithm",
            Choice(get_args(SigningAlgorithm)),
            "The algorithm that access tokens are signed with.",
        ),
        Setting("lifetimes", LIFETIMES, "Lifetimes, in seconds."),
        Setting("limits", LIMITS, 'Rate limits, such as "60/5 minutes".'),
        Setting(
            "registration", Choice(("open", "closed")), "Whether clients may register themselves."
        ),
        Setting("clients", Items(CLIENT), "Clients that you register here."),
        Setting("own_users", Flag(), "Whether users can sign in with a password of their own."),
        Setting("openid", Flag(), "Whether applications can sign users in here (OpenID Connect)."),
        Setting("exchanges", Items(EXCHANGE), "Which server may exchange tokens for which other."),
        Setting("client_documents", Flag(), "Whether client ID metadata documents are accepted."),
        Setting(
            "trusted_clients",
            Items(Text(), lambda urls: TrustedClients(frozenset(urls))),
            "The only client ID metadata documents that are accepted, as URLs.",
        ),
        Setting(
            "insecure_document_hosts",
            WORDS,
            "Private hosts whose client documents may be fetched over http; localhost only.",
        ),
        Setting(
            "documents_same_origin",
            Flag(),
            "Whether the redirect URIs of a client document must have its origin.",
        ),
        Setting("private_schemes", WORDS, "Private-use schemes that redirect URIs may have."),
        Setting("allowed_hosts", Items(), "More hosts that requests may name, such as a proxy's."),
        Setting(
            "trusted_proxies",
            Items(NETWORK),
            "Proxies whose X-Forwarded-For is believed, as addresses or networks.",
        ),
        Setting("revoke_before", Moment(), "Everything that was issued before is invalid."),
        Setting("sign_in_as", Text(), "Sign this user in without a password; localhost only."),
        Setting("demo_users", Items(), "Users shown on the sign-in page; localhost only."),
    )
)

ALLOW = Table(
    (
        Setting("domains", WORDS, "Domains that the provider vouches for, matched exactly."),
        Setting("organizations", WORDS, "The provider's organizations or tenants."),
        Setting("groups", WORDS, "The provider's groups."),
        Setting("emails", WORDS, "Verified e-mail addresses."),
        Setting("subjects", WORDS, "The provider's own ids of accounts."),
        Setting("everyone", Flag(), "Every account of the provider, in the whole world."),
    ),
    Allow,
)

IDENTITY_PROVIDER = Table(
    (
        Setting("name", Text('"google"'), "The last part of the callback URL."),
        Setting("kind", Text('"google"'), "The kind of provider: see doorward idp table."),
        Setting("issuer", Text('"https://login.example.com"'), "The provider's issuer."),
        Setting("client_id", Text(), "The client id of the application at the provider.", True),
        Setting("client_secret", Text(), "The application's client secret.", source="secret"),
        Setting("title", Text(), "The name on the sign-in page."),
        Setting("allow", OneOrMore(ALLOW), "Who may sign in; all conditions of one table hold."),
        Setting("user_scopes", WORDS, "The scopes that each user can grant."),
        Setting("group_scopes", Named(Items()), "Scopes of members of the provider's groups."),
        Setting("group_roles", Named(Items()), "Roles of members of the provider's groups."),
        Setting("provider_scopes", Items(), "More scopes to request from the provider."),
        Setting("acr_values", Items(), "What acr of the provider's ID token must be, one of them."),
        Setting("required_amr", Items(Text('"mfa"')), "What amr must name, all of them."),
        Setting("internal_url", Text(), f"The URL {_FROM_ISSUER_TO_US}."),
        Setting("disabled", Flag(), "Whether the provider admits nobody any more."),
        Setting("connect_only", Flag(), "Nobody signs in here; users connect accounts for tools."),
    ),
    IdentityProvider,
)

_RULE = (
    Setting("scopes", WORDS, "The scopes that a caller must have, all of them."),
    Setting("roles", WORDS, "The roles of which a caller must have one."),
    Setting("kinds", Items(Choice(tuple(sorted(EVERY_KIND))), frozenset), "Who may come at all."),
    Setting("public", Flag(), "Whether callers without a token may use it; by exact name only."),
    Setting(
        "advertised",
        Flag(),
        "Whether lists show it to callers that must sign in or get its scopes; by exact name only.",
    ),
    Setting(
        "arguments",
        Named(JsonSchema()),
        "A JSON Schema for each argument that a call must have, or the claim that it must equal.",
    ),
    Setting("limit", _RATE, "How often one caller may do what the rule decides."),
    Setting("concurrent", _COUNT, "How many calls of one caller may run at the same time."),
)
RULE = Table(_RULE, Rule)

POLICY = Table(
    (
        Setting("base", RULE, "The rule for every request."),
        Setting("tools", Named(RULE), 'Rules by tool; "*" is for tools without their own.'),
        Setting("prompts", Named(RULE), 'Rules by prompt; "*" is for all others.'),
        Setting("resources", Named(RULE), 'Rules by URI or URI template; "*" is for all others.'),
        Setting(
            "rules",
            Items(
                Table(
                    (
                        Setting("method", Text('"tools/call"'), "The method of MCP.", True),
                        Setting("name", Text('"add"'), 'The name; "*" is for all others.', True),
                        *_RULE,
                    ),
                    NamedRule,
                )
            ),
            "Rules for other methods.",
        ),
        Setting("hierarchy", Named(WORDS), "For each broad scope, the scopes that it contains."),
        Setting(
            "unknown",
            Choice(("deny", "base")),
            'What decides an operation without a rule: "deny", or the base rule.',
        ),
    ),
    policy_of,
)

INTROSPECTION = Table(
    (
        Setting("client_id", Text(), "This server's client id at the issuer.", True),
        Setting("client_secret", Text(), "This server's client secret.", source="secret"),
        Setting("private_key", Text(), "This server's private key, as PEM.", source="secret"),
        Setting(
            "method",
            Choice(("client_secret_basic", "client_secret_post", "private_key_jwt")),
            "How this server authenticates.",
        ),
        Setting("endpoint", Text(), "The introspection endpoint, if metadata does not name it."),
        Setting("cache_ttl", _SECONDS, "Seconds for which an answer is cached."),
        Setting("insecure_untyped", Flag(), "Accept answers that may be about refresh tokens."),
    ),
    introspection_of,
)

_ISSUER = (
    Setting("issuer", Text(), "The issuer whose tokens are accepted, as it names itself."),
    Setting("idp", Text('"keycloak"'), "The kind of provider: see doorward idp table."),
    Setting("audience", OneOrMore(), "What aud must contain, if tokens cannot name the resource."),
    Setting("algorithms", Items(), "The signature algorithms that are accepted."),
    Setting("client_ids", Items(), "The clients whose tokens are accepted."),
    Setting("client_id", Text(), "This server's client id, to look tokens up."),
    Setting("client_secret", Text(), "This server's client secret.", source="secret"),
    Setting("introspection", INTROSPECTION, "How opaque tokens are looked up."),
    Setting("jwks_uri", Text(), "The URL of the issuer's keys, if its metadata is not used."),
    Setting("internal_url", Text(), f"The URL {_FROM_ISSUER_TO_US}."),
)

TOKEN_EXCHANGE = Table(
    (
        Setting("issuer", Text(), "The issuer, which issued the caller's token.", True),
        Setting("client_id", Text(), "This server's client id at the issuer.", True),
        Setting("client_secret", Text(), "This server's client secret.", source="secret"),
        Setting("private_key", Text(), "This server's private key, as PEM.", source="secret"),
        Setting(
            "method",
            Choice(("client_secret_basic", "client_secret_post", "private_key_jwt")),
            "How this server authenticates.",
        ),
        Setting("audience", Text(), "The MCP server's name at the issuer."),
        Setting("resource", Text(), "The MCP server's URL at the issuer."),
        Setting("scopes", WORDS, "The scopes of the new token."),
        Setting("trusted_issuers", WORDS, "More issuers whose tokens this issuer exchanges."),
        Setting("token_endpoint", Text(), "The token endpoint, if metadata does not name it."),
        Setting("internal_url", Text(), f"The URL {_FROM_ISSUER_TO_US}."),
    ),
    exchange_of,
)

PASTED_KEY = Table(
    (
        Setting("title", Text('"Linear"'), "What users call the service.", True),
        Setting("pattern", Text('"^lin_api_[A-Za-z0-9]{40}$"'), "What each key matches."),
    ),
    dict,
)

UPSTREAM_CREDENTIALS = Table(
    (
        Setting("secret", Text(), "A secret of the MCP server.", source="secret"),
        Setting(
            "provider_token",
            Text('"github"'),
            "The identity provider whose token of the caller is sent.",
        ),
        Setting("exchange", TOKEN_EXCHANGE, "A token for which the caller's token is exchanged."),
        Setting("pasted_key", PASTED_KEY, "A key that each user pastes once, on a page of ours."),
        Setting("header", Text('"X-Api-Key"'), "The header, if it is not Authorization."),
    ),
    credentials_of,
)

PROCESS = Table(
    (
        Setting("shared", Flag(), "One process for all users, who may see each other's traces."),
        Setting("directory", FilePath(), "The folder in which the processes run."),
        Setting("environment", Named(Text()), "Environment variables, by name."),
        Setting(
            "secret_environment",
            Named(SecretFile()),
            "Environment variables, each with the file that has its value, with mode 0600.",
        ),
        Setting("inherit", Items(), "Variables of this process that the processes get too."),
        Setting("processes", _COUNT, "The most processes."),
        Setting("processes_per_user", _COUNT, "The most processes of one user."),
        Setting("idle", _SECONDS, "Seconds until an unused process is stopped."),
        Setting("start", _SECONDS, "Seconds in which a process must answer initialize."),
        Setting("request", _SECONDS, "Seconds for which a process may be silent."),
        Setting("message", _COUNT, "The most bytes in one message of a process."),
        Setting("memory", _COUNT, "The address space of a process in bytes; Linux only."),
    ),
    process_of,
)

MCP_SERVER = Table(
    (
        Setting(
            "resource",
            Text('"https://mcp.example.com/mcp"'),
            "The public URL of the MCP endpoint, as clients type it.",
            True,
        ),
        Setting(
            "upstream",
            Checked(upstream_url, "the URL of an MCP server", '"http://localhost:9000/mcp"'),
            "The URL at which this process reaches the MCP server.",
        ),
        Setting(
            "command",
            Items(Text('"uvx"')),
            "The program and its arguments, for an MCP server that speaks stdio.",
        ),
        Setting("process", PROCESS, "How the processes of that server run."),
        Setting("scopes", _SCOPES, "Each scope that our authorization server asks users for."),
        Setting("default_scopes", WORDS, "The scopes of a request that names none."),
        Setting("policy", POLICY, "Who may do what.", True),
        Setting(
            "tool_pins",
            FilePath(),
            "The file of accepted tools that doorward pins accept writes; others are refused.",
        ),
        Setting(
            "issuers",
            Items(Table(_ISSUER, TrustedIssuerSettings)),
            "The issuers whose tokens are accepted, if there are several.",
        ),
        *_ISSUER,
        Setting("api_keys", FilePath(), "The file of API keys that doorward api-key writes."),
        Setting("scopes_supported", Items(), "The scopes in the metadata."),
        Setting("challenge_scopes", WORDS, "The scopes that a client must ask for first."),
        Setting("resource_name", Text(), "The name in the metadata and on the consent page."),
        Setting("resource_documentation", Text(), "The URL of a page for developers."),
        Setting("allowed_hosts", Items(), "More hosts that requests may name, such as a proxy's."),
        Setting("allowed_origins", Items(), "Web origins whose pages may call the server."),
        Setting("path", Text(), "The path in this process, if a proxy removes a prefix."),
        Setting("hide_refused", Flag(), "Answer what is refused as if it did not exist."),
        Setting(
            "refusal_forms",
            Named(Choice(REFUSAL_FORMS)),
            "How an MCP client learns that a tool call needs a sign-in, by the client's name.",
        ),
        Setting("security_schemes", Flag(), "Say of each tool in a list what it needs."),
        Setting("max_body", _COUNT, "The most bytes in one message."),
        Setting("leeway", _SECONDS, "Seconds by which clocks may differ."),
        Setting("longest_life", _SECONDS, "The most seconds for which a token may be valid."),
        Setting("cache_entries", Number(0, whole=True), "How many verified tokens are cached."),
        Setting("cache_ttl", _SECONDS, "Seconds for which a verified token is cached."),
        Setting(
            "caller_headers",
            Named(Text('"X-User"')),
            "The headers that tell the MCP server who called, by member of the identity.",
        ),
        Setting(
            "caller_assertion",
            Text('"X-Doorward-Assertion"'),
            "A header with a JWT about the caller, signed by our authorization server.",
        ),
        Setting(
            "upstream_credentials",
            UPSTREAM_CREDENTIALS,
            "What this process sends to the MCP server as its own credentials.",
        ),
        Setting("pass_headers", Items(), "More request headers that are forwarded."),
        Setting("forward_token", Flag(), "Forward the caller's access token to the MCP server."),
        Setting("timeout", _SECONDS, "Seconds until the MCP server must begin to answer."),
        Setting(
            "connections",
            _COUNT,
            "How many calls of the MCP server run, and how many streams are open, at the same time.",
        ),
        Setting(
            "trusted_proxies",
            Items(NETWORK),
            "Proxies whose X-Forwarded-For tells the address of callers without a token.",
        ),
    ),
    mcp_server_of,
)

OPERATIONS = Table(
    (
        Setting(
            "listen",
            _LISTEN,
            "The host and the port of /healthz, /readyz and /metrics; none without it.",
        ),
        Setting(
            "public",
            Items(Choice(EVERY_ENDPOINT), frozenset),
            "Which of healthz, readyz and metrics are also at the public address.",
        ),
        Setting(
            "story",
            Flag(),
            "Keep the last sign-in attempts in memory, and show them at /story of listen.",
        ),
        Setting(
            "check_public",
            Flag(),
            "After the start, compare what arrives at the public address, and log what differs.",
        ),
        Setting("traces", Flag(), "Send OpenTelemetry traces; the OTEL_* variables say where."),
    ),
    OperationsSettings,
)

LOG = Table(
    (
        Setting(
            "format",
            Choice(("text", "json")),
            'With "json", everything this process says is one JSON object per line.',
        ),
    ),
    LogSettings,
)

AUDIT = Table(
    (
        Setting("stdout", Flag(), "Write audit events to standard output; on by default."),
        Setting("file", FilePath(), "A file that audit events are written to as well."),
        Setting("max_bytes", _COUNT, "The size at which the audit file is rotated."),
        Setting("keep", Number(0, whole=True), "How many rotated audit files are kept."),
        Setting("chain", Flag(), "Chain the lines of the audit file by their hashes."),
        Setting("otel", Flag(), "Send audit events as OpenTelemetry logs as well."),
    ),
    AuditSettings,
)

FILE = Table(
    (
        Setting(
            "listen",
            _LISTEN,
            "The host and the port on which this process listens.",
        ),
        Setting("stop_timeout", _SECONDS, "Seconds that requests in flight get at the end."),
        Setting("authorization_server", AUTHORIZATION_SERVER, "The authorization server."),
        Setting("identity_providers", Items(IDENTITY_PROVIDER), "Where users sign in."),
        Setting("mcp_servers", Items(MCP_SERVER), "The MCP servers behind this process."),
        Setting("operations", OPERATIONS, "Health, readiness, metrics and traces."),
        Setting("log", LOG, "How this process logs."),
        Setting("audit", AUDIT, "Where audit events go."),
    )
)
"""The whole file."""
