"""What a configuration file says becomes settings; what it should not say is refused, with its line."""

import json
import re
from pathlib import Path

import pytest

from doorward.authserver import AuthServerSettings
from doorward.config import load
from doorward.config.reading.document import read_document
from doorward.errors import ConfigurationError
from doorward.jose.private_key import PrivateKey
from doorward.policy import EVERY, Operation, Rule
from doorward.tokens import OpaqueIssuer, TrustedIssuer
from tests.config.conftest import SECRET, Write

WHOLE = """\
listen = "[::1]:9443"
stop_timeout = 20

[authorization_server]
issuer = "https://auth.example.com"
service_name = "Example"
database_url = "sqlite:///data/doorward.db"
secret_file = "secret"
signing_algorithm = "EdDSA"
registration = "closed"
trusted_clients = ["https://client.example/document.json"]
private_schemes = ["vscode"]
trusted_proxies = ["10.0.0.0/8", "::1"]
revoke_before = 2026-11-30T12:00:00Z

[authorization_server.lifetimes]
access_token = 300

[authorization_server.limits]
registrations = "5/hour"
clients = 100

[[authorization_server.resources]]
uri = "https://orders.example.com/mcp"
scopes = { "orders:read" = "Read your orders" }

[[authorization_server.clients]]
client_id = "mcp"
auth_method = "client_secret_basic"
secret_file = "mcp-secret"

[[authorization_server.exchanges]]
client_id = "mcp"
resource = "https://mcp.example.com/mcp"
target = "https://orders.example.com/mcp"
scopes = { "mcp:tools" = ["orders:read"] }

[[mcp_servers]]
resource = "https://mcp.example.com/mcp"
upstream = "http://localhost:9000/mcp"
resource_name = "Tools"
hide_refused = true
refusal_forms = { chatgpt = "http", "*" = "tool-result" }
security_schemes = false
allowed_origins = ["https://app.example"]
max_body = 1000

[mcp_servers.scopes]
"mcp:tools" = "Run tools in your name"
"mcp:admin" = "Administrate"

[mcp_servers.policy]
base = { kinds = ["person", "service"] }
hierarchy = { "mcp:admin" = ["mcp:tools"] }

[mcp_servers.policy.tools]
add = { scopes = ["mcp:tools"] }
remove = { scopes = ["mcp:admin"], roles = ["admin"], kinds = ["person"] }

[mcp_servers.policy.resources]
"notes://{id}" = {}

[[mcp_servers.policy.rules]]
method = "tasks/get"
name = "*"
scopes = ["mcp:tools"]
"""


def test_a_full_file_is_read_into_settings(write: Write, tmp_path: Path) -> None:
    found = load(write(WHOLE, mcp_secret=SECRET))

    assert found.listen == ("::1", 9443)
    assert found.stop_timeout == 20
    settings = found.authorization_server
    assert settings is not None
    assert settings.issuer == "https://auth.example.com"
    assert settings.database_url == f"sqlite+aiosqlite:///{tmp_path}/data/doorward.db"
    assert settings.secret_file == tmp_path / "secret"
    assert settings.signing_algorithm == "EdDSA"
    assert settings.revoke_before == 1796040000
    assert settings.lifetimes.access_token == 300
    assert settings.limits.clients == 100
    assert settings.clients[0].secret == SECRET
    assert settings.exchanges[0].reachable(frozenset({"mcp:tools"})) == {"orders:read"}
    assert settings.trust_client is not None
    assert settings.trust_client("https://client.example/document.json")
    assert not settings.trust_client("https://client.example/other.json")
    assert [one.uri for one in settings.resources] == [
        "https://orders.example.com/mcp",
        "https://mcp.example.com/mcp",
    ]
    assert settings.resources[1].name == "Tools"
    (server,) = found.mcp_servers
    assert server.upstream == "http://localhost:9000/mcp"
    assert server.options["hide_refused"] is True
    assert server.options["refusal_forms"] == {"chatgpt": "http", "*": "tool-result"}
    assert server.options["security_schemes"] is False
    assert server.policy.rules["tools/call", "remove"] == Rule({"mcp:admin"}, {"admin"}, {"person"})
    assert server.policy.rules["tasks/get", EVERY].scopes == {"mcp:tools"}
    needs = server.policy.requirement(Operation("resources/read", "notes://1"))
    assert needs is not None
    assert needs.kinds == {"person", "service"}


def test_reading_a_file_twice_gives_equal_settings(write: Write) -> None:
    file = write(WHOLE, mcp_secret=SECRET)

    assert load(file).authorization_server == load(file).authorization_server


def test_a_secret_is_read_from_the_environment(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_AS", SECRET)
    monkeypatch.setenv("DATABASE", "postgresql://doorward:password@db.example/doorward")
    text = MINIMAL.replace(
        'database_url = "sqlite:///doorward.db"', 'database_url_env = "DATABASE"'
    )

    settings = load(write(text.replace('secret_file = "secret"', 'secret_env = "SECRET_OF_AS"')))

    found = settings.authorization_server
    assert found is not None
    assert found.secret == SECRET
    assert found.database_url == "postgresql+asyncpg://doorward:password@db.example/doorward"


MINIMAL = """\
[authorization_server]
issuer = "https://auth.example.com"
database_url = "sqlite:///doorward.db"
secret_file = "secret"

[[mcp_servers]]
resource = "https://mcp.example.com/mcp"
upstream = "http://localhost:9000/mcp"
scopes = { "mcp:tools" = "Run tools" }

[mcp_servers.policy]
base = { scopes = ["mcp:tools"] }
"""
ALONE = """\
[[mcp_servers]]
resource = "https://mcp.example.com/mcp"
upstream = "https://inside.example/other"
issuer = "https://login.example/realms/mcp"
idp = "keycloak"
internal_url = "http://keycloak:8080/realms/mcp"

[mcp_servers.policy]
"""


PROVIDER = (
    MINIMAL
    + """
[[identity_providers]]
kind = "google"
client_id = "the-client"
client_secret_file = "google-secret"
allow = { domains = ["example.com"] }

[[identity_providers]]
name = "office"
issuer = "https://login.example"
client_id = "doorward"
group_roles = { staff = ["admin"] }

[[identity_providers.allow]]
groups = ["mcp"]

[[identity_providers.allow]]
emails = ["alice@example.com"]
"""
)


def test_identity_providers_are_read_with_their_rules(write: Write) -> None:
    settings = load(write(PROVIDER, google_secret=SECRET)).authorization_server

    assert settings is not None
    google, office = settings.identity_providers
    assert (google.name, google.issuer) == ("google", "https://accounts.google.com")
    assert google.client_secret == SECRET
    assert google.rules[0].domains == {"example.com"}
    assert office.group_roles == {"staff": ("admin",)}
    assert office.client_secret is None
    assert [one.groups for one in office.rules] == [{"mcp"}, frozenset()]
    assert not settings.has_own_users


def test_the_public_keys_of_a_client_are_read_from_a_file(write: Write, tmp_path: Path) -> None:
    jwks = {"keys": [PrivateKey.generate().public_jwk()]}
    (tmp_path / "keys.json").write_text(json.dumps(jwks))
    text = """
[[authorization_server.clients]]
client_id = "batch"
auth_method = "private_key_jwt"
jwks = "keys.json"
"""

    settings = load(write(_as(text))).authorization_server

    assert settings is not None
    assert settings.clients[0].jwks == jwks


def _issuers(file: Path) -> tuple[object, ...]:
    found = load(file)
    assert isinstance(found.authorization_server, AuthServerSettings | None)
    return found.mcp_servers[0].guard(None).issuers


def test_a_guard_without_authorization_server_trusts_the_configured_issuer(write: Write) -> None:
    (issuer,) = _issuers(write(ALONE))

    assert isinstance(issuer, TrustedIssuer)
    assert issuer.internal_url == "http://keycloak:8080/realms/mcp"
    assert issuer.profile.name == "keycloak"


def test_several_issuers_have_their_own_settings(write: Write) -> None:
    text = ALONE.replace('issuer = "https://login.example/realms/mcp"\nidp = "keycloak"\n', "")
    text = text.replace('internal_url = "http://keycloak:8080/realms/mcp"\n', "")
    text += """
[[mcp_servers.issuers]]
issuer = "https://one.example"
audience = ["https://mcp.example.com/mcp", "api"]
jwks_uri = "https://one.example/keys"

[[mcp_servers.issuers]]
issuer = "https://two.example"
introspection = { client_id = "mcp", client_secret_file = "lookup", cache_ttl = 5 }
"""
    signed, opaque = _issuers(write(text, lookup=SECRET))

    assert isinstance(signed, TrustedIssuer)
    assert signed.audiences == ("https://mcp.example.com/mcp", "api")
    assert signed.jwks_uri == "https://one.example/keys"
    assert isinstance(opaque, OpaqueIssuer)
    assert opaque.lookup.cache_ttl == 5


def _as(line: str) -> str:
    return MINIMAL.replace("[[mcp_servers]]", f"{line}\n[[mcp_servers]]", 1)


def _server(line: str) -> str:
    return MINIMAL.replace("[mcp_servers.policy]", f"{line}\n[mcp_servers.policy]", 1)


# The file, the reason, the setting and its line, and a word of the remedy.
BAD = {
    "a key that is misspelt": (_as('isuer = "x"'), "unknown-setting", "authorization_server.isuer", 6, "'issuer'"),
    "a table that is misspelt": ("[authorisation_server]\n", "unknown-setting", "authorisation_server", 1, "authorization_server"),
    "a key of nothing known": (_as('zzz = "x"'), "unknown-setting", "authorization_server.zzz", 6, "Known here"),
    "a secret in the file": (_as('[[authorization_server.clients]]\nclient_id = "a"\nsecret = "S3CRET"'), "secret-in-file", "authorization_server.clients[1].secret", 8, "secret_file"),
    "the server's secret": (_as('secret = "S3CRET"'), "secret-in-file", "authorization_server.secret", 6, "0600"),
    "a password in the URL": (MINIMAL.replace("sqlite:///doorward.db", "postgresql://a:S3CRET@b/c"), "password-in-file", "authorization_server.database_url", 3, "database_url_file"),
    "keys that are not there": (_as('[[authorization_server.clients]]\nclient_id = "a"\njwks = "none.json"'), "unreadable-json-file", "authorization_server.clients[1].jwks", 8, "JSON"),
    "another database": (MINIMAL.replace("sqlite:///doorward.db", "mysql://b/c"), "unknown-database", "authorization_server.database_url", 3, "PostgreSQL"),
    "no URL of a database": (MINIMAL.replace("sqlite:///doorward.db", "S3CRET"), "not-a-database-url", "authorization_server.database_url", 3, "sqlite:///"),
    "no issuer": (MINIMAL.replace('issuer = "https://auth.example.com"\n', ""), "missing-setting", "authorization_server", 1, "issuer"),
    "an issuer without TLS": (MINIMAL.replace("https://auth", "http://auth"), "insecure-issuer", "authorization_server.issuer", 2, "https"),
    "an issuer that is a number": (MINIMAL.replace('"https://auth.example.com"', "7"), "malformed-setting", "authorization_server.issuer", 2, "https://"),
    "an empty issuer": (MINIMAL.replace("https://auth.example.com", ""), "empty-setting", "authorization_server.issuer", 2, "value"),
    "a resource without TLS": (MINIMAL.replace("https://mcp", "http://mcp"), "insecure-resource", "mcp_servers[1].resource", 7, "https"),
    "an upstream without a scheme": (MINIMAL.replace("http://localhost:9000/mcp", "localhost"), "not-in-notation", "mcp_servers[1].upstream", 8, "http://"),
    "a scope with a space": (MINIMAL.replace('"mcp:tools" =', '"mcp tools" ='), "not-a-scope", 'mcp_servers[1].scopes."mcp tools"', 9, "spaces"),
    "a scope that nobody can get": (MINIMAL.replace('["mcp:tools"]', '["mcp:tool"]'), "scope-not-issued", "mcp_servers[1].policy.base.scopes[1]", 12, "mcp:tool"),
    "no resource": ('[authorization_server]\nissuer = "https://a.example"', "no-resource", "authorization_server", 1, "[[mcp_servers]]"),
    "no scopes": (MINIMAL.replace('scopes = { "mcp:tools" = "Run tools" }\n', ""), "no-scopes", "mcp_servers[1].resource", 7, "scopes"),
    "a kind that is misspelt": (MINIMAL + 'tools.add.kinds = ["persn"]', "unknown-choice", "mcp_servers[1].policy.tools.add.kinds[1]", 13, "'person'"),
    "a rule for a URI that is not normal": (MINIMAL + 'resources."notes://a/../b" = {}', "uri-not-normal", 'mcp_servers[1].policy.resources."notes://a/../b"', 13, ""),
    "two rules for one tool": (MINIMAL + 'tools.add = {}\n[[mcp_servers.policy.rules]]\nmethod = "tools/call"\nname = "add"', "rule-twice", "mcp_servers[1].policy.rules[1].name", 16, "one"),
    "a word for true": (_as('client_documents = "yes"'), "malformed-setting", "authorization_server.client_documents", 6, "true"),
    "true for a number": (MINIMAL.replace("[authorization", "stop_timeout = true\n[authorization", 1), "malformed-setting", "stop_timeout", 1, "60"),
    "an infinite number": (MINIMAL.replace("[authorization", "stop_timeout = inf\n[authorization", 1), "number-too-small", "stop_timeout", 1, "0"),
    "a negative lifetime": (_as("lifetimes.session_idle = -1"), "number-too-small", "authorization_server.lifetimes.session_idle", 6, "0"),
    "a lifetime that is too long": (_as("lifetimes.code = 600"), "code-too-long", "authorization_server.lifetimes.code", 6, "60"),
    "a rate in another notation": (_as('limits.registrations = "often"'), "not-in-notation", "authorization_server.limits.registrations", 6, "minutes"),
    "a proxy that is a name": (_as('trusted_proxies = ["proxy"]'), "not-in-notation", "authorization_server.trusted_proxies[1]", 6, "10.0.0.0/8"),
    "an address without a port": ('listen = "localhost"\n' + MINIMAL, "not-in-notation", "listen", 1, "127.0.0.1:8000"),
    "an algorithm of another kind": (_as('signing_algorithm = "HS256"'), "unknown-choice", "authorization_server.signing_algorithm", 6, "ES256"),
    "a demo user off this machine": (_as('sign_in_as = "alice"'), "demo-off-loopback", "authorization_server.sign_in_as", 6, "Remove"),
    "a date without a zone": (_as("revoke_before = 2026-11-30"), "malformed-setting", "authorization_server.revoke_before", 6, "Z"),
    "an audience that the provider cannot name": (ALONE.replace('"keycloak"', '"cognito"'), "undecided-audience", "mcp_servers[1].resource", 2, "audience"),
    "a provider that is misspelt": (ALONE.replace('"keycloak"', '"keyclok"'), "unknown-provider", "mcp_servers[1].idp", 5, "'keycloak'"),
    "an issuer and issuers": (ALONE.replace("[mcp_servers.policy]", '[[mcp_servers.issuers]]\nissuer = "https://x.example"\n[mcp_servers.policy]'), "two-ways-to-name-issuers", "mcp_servers[1].issuer", 4, "issuers"),
    "a guard that trusts nobody": (ALONE.replace('issuer = "https://login.example/realms/mcp"\nidp = "keycloak"\ninternal_url = "http://keycloak:8080/realms/mcp"\n', ""), "no-issuers", "mcp_servers[1].resource", 2, "issuer"),
    "a secret file that does not exist": (ALONE.replace('idp = "keycloak"', 'client_id = "a"\nclient_secret_file = "S3CRET"'), "unreadable-secret", "mcp_servers[1].client_secret_file", 6, "chmod 600"),
    "a variable that is not set": (ALONE.replace('idp = "keycloak"', 'client_id = "a"\nclient_secret_env = "S3CRET"'), "no-secret-in-environment", "mcp_servers[1].client_secret_env", 6, "file"),
    "two sources of one secret": (ALONE.replace('idp = "keycloak"', 'client_id = "a"\nclient_secret_env = "A"\nclient_secret_file = "B"'), "two-sources", "mcp_servers[1].client_secret_env", 6, "Keep one"),
    "a provider without a server": (PROVIDER[PROVIDER.index("[[id"):], "unreadable-secret", "identity_providers[1].client_secret_file", 4, "0"),
    "providers without a server": ('[[identity_providers]]\nkind = "google"\nclient_id = "a"\nallow = { everyone = true }', "providers-without-server", "identity_providers", 1, "[authorization_server]"),
    "a provider that admits nobody": (MINIMAL + '[[identity_providers]]\nkind = "google"\nclient_id = "a"', "provider-allows-nobody", "identity_providers[1].kind", 14, "allow = {"),
    "a provider that admits a text": (MINIMAL + '[[identity_providers]]\nkind = "google"\nclient_id = "a"\nallow = { domains = "example.com" }', "malformed-setting", "identity_providers[1].allow.domains", 16, "["),
    "a provider without its issuer": (MINIMAL + '[[identity_providers]]\nkind = "okta"\nclient_id = "a"', "provider-issuer", "identity_providers[1]", 13, "okta.com"),
    "a provider of a misspelt kind": (MINIMAL + '[[identity_providers]]\nkind = "gogle"\nclient_id = "a"', "unknown-provider", "identity_providers[1].kind", 14, "'google'"),
    "one resource twice": (ALONE + ALONE, "resource-twice", "mcp_servers[2].resource", 10, "own"),
    "a list that is a table": ("[mcp_servers]\n", "malformed-setting", "mcp_servers", 1, "["),
    "a value of several lines": (_as('trusted_proxies = [\n  "10.0.0.1",\n  "proxy",\n]\n'), "not-in-notation", "authorization_server.trusted_proxies[2]", 6, "10.0.0.0/8"),
    "a hidden server with a wide rule": (_server("hide_refused = true") + 'unknown = "base"', "cannot-hide", "mcp_servers[1].hide_refused", 11, ""),
    "a form for an unknown client": (_server('refusal_forms = { chatgtp = "http" }'), "unknown-mcp-client", "mcp_servers[1].refusal_forms", 11, "chatgpt"),
    "a form that is none": (_server('refusal_forms = { chatgpt = "html" }'), "unknown-choice", "mcp_servers[1].refusal_forms.chatgpt", 11, "tool-result"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "reason", "setting", "line", "remedy"), BAD.values(), ids=BAD)
def test_an_invalid_file_is_refused_with_line_setting_and_hint(
    write: Write, text: str, reason: str, setting: str, line: int, remedy: str
) -> None:
    file = write(text)

    with pytest.raises(ConfigurationError) as refused:
        load(file)

    assert refused.value.reason == reason
    assert refused.value.problem.startswith(f"{file}:{line}: {setting}"), refused.value.problem
    assert remedy in refused.value.hint
    assert "S3CRET" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[authorization_server]\nissuer = "S3CRET', 2),
        ("issuer", 1),
        ("a = 1\na = 2", 2),
        ("[a]\n[a]", 2),
    ],
)
def test_a_file_that_is_not_toml_is_refused_with_the_line(
    write: Write, text: str, line: int
) -> None:
    file = write(text)

    with pytest.raises(ConfigurationError) as refused:
        load(file)

    assert refused.value.reason == "malformed-config-file"
    assert re.match(f"{re.escape(str(file))}:{line}: ", refused.value.problem)
    assert "S3CRET" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"\xff", "malformed-config-file", id="not text"),
        pytest.param(b"#" * 1024 * 1024 + b"#", "malformed-config-file", id="too large"),
        pytest.param(b"a = " + b"[" * 100_000, "malformed-config-file", id="too deep"),
        pytest.param(None, "unreadable-config-file", id="missing"),
        pytest.param(b"", "nothing-to-serve", id="empty"),
    ],
)
def test_a_missing_or_malformed_file_is_refused(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "doorward.toml"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ConfigurationError) as refused:
        load(file)

    assert refused.value.reason == reason
    assert str(file) in refused.value.problem


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
def test_a_secret_that_other_accounts_can_read_or_change_is_refused(
    write: Write, tmp_path: Path, mode: int
) -> None:
    text = ALONE.replace('idp = "keycloak"', 'client_id = "a"\nclient_secret_file = "lookup"')
    file = write(text, lookup=SECRET)
    (tmp_path / "lookup").chmod(mode)

    with pytest.raises(ConfigurationError) as refused:
        load(file)

    assert refused.value.reason == "exposed-secret"
    assert f"{mode:04o}" in refused.value.problem
    assert "chmod 600" in refused.value.hint
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(("mode", "admitted"), [(0o600, True), (0o664, True), (0o646, False)])
def test_a_file_that_every_account_can_change_is_refused(
    tmp_path: Path, mode: int, admitted: bool
) -> None:
    file = tmp_path / "doorward.toml"
    file.write_text(MINIMAL)
    file.chmod(mode)

    if admitted:
        assert read_document(file).values
        return
    with pytest.raises(ConfigurationError) as refused:
        read_document(file)
    assert refused.value.reason == "exposed-config-file"
    assert refused.value.hint == f"Run: chmod o-w {file}"


UPSTREAM = """
[[mcp_servers]]
resource = "https://mcp.example.com/mcp"
upstream = "http://127.0.0.1:9000/mcp"
issuer = "https://auth.example.com"
policy = {}
"""


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ('caller_headers = { user = "X-User" }', "caller-member"),
        ('caller_headers = { subject = "Cookie" }', "caller-header"),
        ('caller_assertion = "X-Assertion"', "assertion-without-server"),
        ('upstream_credentials = { provider_token = "github" }', "unknown-identity-provider"),
        ('upstream_credentials = { secret = "hush" }', "secret-in-file"),
    ],
)
def test_what_an_upstream_server_cannot_be_told_is_refused(
    write: Write, more: str, reason: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(write(UPSTREAM + more))

    assert refused.value.reason == reason


def test_an_upstream_server_is_told_subject_and_issuer_unless_the_file_says_more(
    write: Write,
) -> None:
    (plain,) = load(write(UPSTREAM)).mcp_servers
    (told,) = load(write(UPSTREAM + 'caller_headers = { subject = "X-User" }')).mcp_servers

    assert plain.identity().names == ("X-Doorward-Subject", "X-Doorward-Issuer")
    assert told.identity().names == ("X-User",)


def test_a_schema_that_admits_too_much_is_refused_with_its_line(write: Write) -> None:
    file = write(
        """
[[mcp_servers]]
resource = "https://mcp.example.com/mcp"
upstream = "http://localhost:9000/mcp"
issuer = "https://login.example.com"

[mcp_servers.policy.tools.refund]
arguments = { amount = { maximum = 100 } }
"""
    )

    with pytest.raises(ConfigurationError) as refused:
        load(file)

    assert refused.value.reason == "argument-schema"
    assert f"{file}:8" in str(refused.value)
    assert 'type = "integer"' in str(refused.value)
