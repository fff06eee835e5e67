"""``doorward grants``, ``users`` and ``clients`` on the database of a server."""

import asyncio
import io
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from doorward.authserver.settings.configured_client import ConfiguredClient
from doorward.cli.authserver.database import ENVIRONMENT_VARIABLE
from doorward.cli.exit_codes import ExitCode
from tests.authserver.harness import CALLBACK, PASSWORD, AuthServerHarness, Tokens
from tests.authserver.speed import make_servers_cheap
from tests.cli.conftest import Command, Ended

Result = TypeVar("Result")
SignedIn = tuple[Tokens, Tokens, str]
# What the verbs say of the tokens of identity providers, where there are none.
NOTHING = {"revoked": 0, "not_revocable": 0, "waiting": 0}


@dataclass
class Server:
    """The files of a server, which runs only inside ``use``."""

    folder: Path
    doorward: Command
    capsys: pytest.CaptureFixture[str]
    desk: Tokens
    other: Tokens
    registered: str

    @property
    def database(self) -> str:
        return f"sqlite:///{self.folder / 'doorward.db'}"

    def verb(self, *words: str) -> Ended:
        return self.doorward(*words, "--database", self.database)

    def use(self, steps: Callable[[AuthServerHarness], Awaitable[Result]]) -> Result:
        """Run the server for these steps, without what it logs."""
        result = asyncio.run(_with_server(self.folder, steps))
        self.capsys.readouterr()
        return result

    def refreshed(self, client_id: str, tokens: Tokens) -> int:
        """Return the status of a refresh."""
        answered = self.use(lambda harness: harness.refresh(client_id, tokens.refresh))
        return int(answered.response.status_code)


async def _with_server(
    folder: Path, steps: Callable[[AuthServerHarness], Awaitable[Result]]
) -> Result:
    async with AuthServerHarness.opened(
        time.time,
        database_url=f"sqlite+aiosqlite:///{folder / 'doorward.db'}",
        secret_file=folder / "secret",
        clients=(ConfiguredClient(client_id="desk", redirect_uris=(CALLBACK,)),),
    ) as harness:
        return await steps(harness)


async def _two_sign_ins(harness: AuthServerHarness) -> SignedIn:
    registered = (await harness.register(client_name="Notes\u202e"))["client_id"]
    return await harness.tokens("desk"), await harness.tokens(registered), registered


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SignedIn]:
    """A server at which alice signed in to two clients: the configured one, and one that registers."""
    make_servers_cheap()
    folder = tmp_path_factory.mktemp("server")
    return folder, asyncio.run(_with_server(folder, _two_sign_ins))


@pytest.fixture
def server(
    used: tuple[Path, SignedIn],
    tmp_path: Path,
    doorward: Command,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Server:
    """The files of that server, as a copy of the test's own."""
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    folder, (desk, other, registered) = used
    shutil.copytree(folder, tmp_path / "server")
    capsys.readouterr()
    return Server(tmp_path / "server", doorward, capsys, desk, other, registered)


def test_grants_are_listed_by_user_and_client_and_ended_one_by_one(server: Server) -> None:
    listed = server.verb("grants", "list", "--json").document["grants"]
    found = server.verb("grants", "list", "--client", "desk", "--json").document["grants"]
    none = server.verb("grants", "list", "--user", "guest", "--json").document["grants"]
    ended = server.verb("grants", "end", found[0]["id"], "--json")

    assert {grant["client_id"] for grant in listed} == {"desk", server.registered}
    assert {grant["username"] for grant in listed} == {"alice"}
    assert (len(found), none) == (1, [])
    assert set(found[0]["scopes"]) == {"mcp:read", "mcp:tools"}
    assert ended.document == {"ended": 1, "provider_tokens": NOTHING}
    assert server.refreshed("desk", server.desk) == 400
    assert server.refreshed(server.registered, server.other) == 200


def test_connected_accounts_are_listed_and_end_with_the_last_grant(server: Server) -> None:
    async def connect(harness: AuthServerHarness) -> None:
        async with harness.server.services.store.engine.begin() as connection:
            await connection.exec_driver_sql(
                "INSERT INTO provider_connections (id, user_id, resource, provider, issuer,"
                " client_id, subject, account, sealed_tokens, sealing_key_id, created_at,"
                " check_due_at) SELECT 'one', id, 'http://localhost:9000/mcp', 'github',"
                " 'https://github.com', 'x', '1', 'octocat', x'00', 'k', 1, 1"
                " FROM users WHERE username = 'alice'"
            )

    server.use(connect)
    (listed,) = server.verb("grants", "list", "--user", "alice", "--json").document["connections"]
    of_guest = server.verb("grants", "list", "--user", "guest", "--json").document
    server.verb("grants", "end", "--client", "desk", "--json")
    kept = server.verb("grants", "list", "--json").document["connections"]
    server.verb("grants", "end", "--user", "alice", "--json")

    assert (listed["id"], listed["username"]) == ("one", "alice")
    assert (listed["provider"], listed["account"]) == ("github", "octocat")
    assert "sealed_tokens" not in listed
    assert of_guest["connections"] == []
    assert kept == [listed]
    assert server.verb("grants", "list", "--json").document == {"grants": [], "connections": []}


def test_the_grants_of_one_user_are_ended_together(server: Server) -> None:
    ended = server.verb("grants", "end", "--user", "ALICE ", "--json")

    assert ended.document == {"ended": 2, "provider_tokens": NOTHING}
    assert [
        server.refreshed("desk", server.desk),
        server.refreshed(server.registered, server.other),
    ] == [400, 400]
    assert server.verb("grants", "list", "--json").document == {"grants": [], "connections": []}


def test_the_table_escapes_names_chosen_by_clients(server: Server) -> None:
    shown = server.verb("grants", "list").out

    assert "\u202e" not in shown
    assert "Notes\\u202e" in shown


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["grants", "end"], "grants-not-chosen"),
        (["grants", "end", "x", "--all"], "grants-not-chosen"),
        (["grants", "end", "unknown"], "unknown-grant"),
        (["grants", "list", "--user", "nobody"], "no-such-user"),
        (["users", "disable", "nobody"], "no-such-user"),
        (["users", "enable", "nobody"], "no-such-user"),
        (["users", "remove", "nobody"], "no-such-user"),
        (["users", "add", "alice"], "user-exists"),
        (["clients", "remove", "nobody"], "no-such-client"),
        (["clients", "remove", "desk"], "client-configured"),
        (["clients", "add", "desk", "--redirect-uri", CALLBACK], "client-exists"),
        (["clients", "add", "x", "--redirect-uri", "http://app.example/"], "not-a-redirect-uri"),
        (["clients", "add", "https://x.example/c", "--redirect-uri", CALLBACK], "not-a-client-id"),
        (["clients", "add", "dw-1", "--redirect-uri", CALLBACK], "not-a-client-id"),
        (
            ["clients", "add", "x", "--redirect-uri", CALLBACK, "--auth-method", "jwt"],
            "client-auth-method",
        ),
    ],
)
def test_an_invalid_command_is_refused_and_changes_nothing(
    server: Server, words: list[str], reason: str
) -> None:
    refused = server.verb(*words, "--json")

    assert refused.status == ExitCode.USAGE
    assert refused.document["error"]["code"] == reason
    assert len(server.verb("grants", "list", "--json").document["grants"]) == 2


@pytest.mark.parametrize(
    ("database", "reason"),
    [
        (None, "database-not-named"),
        ("not a url", "not-a-database-url"),
        ("mysql://user:hunter2@host/x", "not-a-database-url"),
        ("sqlite:///missing.db", "no-such-database"),
        ("sqlite://", "not-a-database-url"),
    ],
)
def test_an_invalid_database_url_is_reported_without_its_password(
    server: Server, database: str | None, reason: str
) -> None:
    named = [] if database is None else ["--database", database]

    refused = server.doorward("users", "list", *named, "--json")

    assert refused.status == ExitCode.USAGE
    assert refused.document["error"]["code"] == reason
    assert "hunter2" not in refused.out + refused.err
    assert not Path("missing.db").exists()


def test_an_unreachable_database_is_reported_without_its_password(server: Server) -> None:
    refused = server.doorward(
        "users", "list", "--json", "--database", "postgresql://user:hunter2@127.0.0.1:1/x"
    )

    # Without the driver, that is what is told.
    assert refused.document["error"]["code"] in ("database-unavailable", "no-database-driver")
    assert "hunter2" not in refused.out + refused.err


def test_the_database_can_be_named_in_the_environment(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, server.database)

    assert len(server.doorward("grants", "list", "--json").document["grants"]) == 2


def configuration(server: Server, file: Path) -> str:
    """Write a file of ``doorward serve`` for that server, and return its path."""
    file.write_text(f"""
[authorization_server]
issuer = "http://localhost:9000"
database_url = "{server.database}"
secret_file = "{server.folder / "secret"}"
resources = [{{ uri = "http://localhost:9000/mcp", scopes = {{ "mcp:read" = "Read" }} }}]
clients = [{{ client_id = "desk", redirect_uris = ["{CALLBACK}"] }}]
""")
    return str(file)


def test_the_database_can_come_from_a_configuration_file(server: Server, tmp_path: Path) -> None:
    file = configuration(server, tmp_path / "doorward.toml")

    listed = server.doorward("grants", "list", "--json", "--config", file)
    refused = server.doorward("grants", "list", "--json", "--config", str(tmp_path / "missing"))

    assert len(listed.document["grants"]) == 2
    assert refused.status == ExitCode.USAGE


def test_key_rotation_keeps_refresh_tokens_valid(server: Server, tmp_path: Path) -> None:
    file = configuration(server, tmp_path / "doorward.toml")

    first = server.doorward("keys", "rotate", "--json", "--config", file).document
    second = server.doorward("keys", "rotate", "--json", "--config", file).document
    shown = server.doorward("keys", "rotate", "--config", file)

    assert first["signing_key"] != second["signing_key"]
    assert first["sealing_key"] != second["sealing_key"]
    assert first["sessions"] == 0
    assert "signs access tokens in two minutes" in shown.err
    assert server.refreshed("desk", server.desk) == 200


def test_keys_do_not_rotate_with_another_secret(server: Server, tmp_path: Path) -> None:
    file = configuration(server, tmp_path / "doorward.toml")
    (server.folder / "secret").write_text("another-secret-that-is-long-enough-0123456789")

    refused = server.doorward("keys", "rotate", "--config", file)

    assert refused.status == ExitCode.USAGE
    assert "encrypted with another secret" in refused.err


def test_an_added_user_can_sign_in_until_disabled(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\nignored\n"))

    added = server.verb("users", "add", "Bob", "--scopes", "mcp:read", "--roles", "ops", "--json")
    tokens = server.use(lambda harness: harness.tokens("desk", user="bob"))
    disabled = server.verb("users", "disable", "bob", "--json")

    assert added.document["username"] == "bob"
    assert (added.document["scopes"], added.document["roles"]) == (["mcp:read"], ["ops"])
    assert PASSWORD not in added.out + added.err
    assert "argon2" not in added.out
    assert disabled.document == {
        "username": "bob",
        "state": "disabled",
        "provider_tokens": NOTHING,
    }
    assert server.refreshed("desk", tokens) == 400
    states = {
        user["username"]: user["disabled"]
        for user in server.verb("users", "list", "--json").document["users"]
    }
    assert states == {"alice": False, "bob": True, "guest": False}


def test_enabling_lets_a_user_sign_in_again_without_the_old_tokens(server: Server) -> None:
    server.verb("users", "disable", "alice")

    # Starting the server would add alice anew, and so enable her.
    refused = server.verb("users", "add", "alice", "--replace", "--json")
    enabled = server.verb("users", "enable", "alice", "--json")

    assert refused.document["error"]["code"] == "user-disabled"
    assert enabled.document["state"] == "enabled"
    assert server.refreshed("desk", server.desk) == 400


def test_a_password_file_sets_and_replaces_the_password(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("another long password\n")
    words = ["users", "add", "carol", "--scopes", "mcp:read", "--password-file", str(file)]
    assert server.verb(*words).status == 0
    file.write_text(PASSWORD + "\r\n")

    assert server.verb(*words, "--replace").status == 0

    tokens = server.use(lambda harness: harness.tokens("desk", user="carol"))
    assert tokens.body["scope"] == "mcp:read"


def test_adding_a_user_without_scopes_prints_a_warning(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    words = ["users", "add", "carol", "--password-file", str(file)]

    without = server.verb(*words)
    given = server.verb(*words, "--replace", "--scopes", "mcp:read")

    assert (without.status, given.status) == (0, 0)
    assert "every client that requests one is refused" in without.err
    assert "refused" not in given.err


def test_no_option_takes_a_password(server: Server) -> None:
    refused = server.verb("users", "add", "bob", "--password", "hunter2")

    assert refused.status == ExitCode.USAGE


def test_two_different_passwords_at_the_prompt_add_no_user(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = iter(["one password", "another password"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", lambda *_, **__: next(typed))

    refused = server.verb("users", "add", "bob", "--json")

    assert refused.document["error"]["code"] == "passwords-differ"
    users = server.verb("users", "list", "--json").document["users"]
    assert [user["username"] for user in users] == ["alice", "guest"]


def test_removing_a_user_removes_all_grants(server: Server) -> None:
    assert server.verb("users", "remove", "alice").status == 0

    assert server.verb("grants", "list", "--json").document == {"grants": [], "connections": []}
    users = server.verb("users", "list", "--json").document["users"]
    assert [user["username"] for user in users] == ["guest"]


def test_an_added_client_works_after_a_restart(server: Server) -> None:
    words = ["--redirect-uri", CALLBACK, "--name", "Web", "--auth-method", "client_secret_post"]
    added = server.verb("clients", "add", "web", *words, "--json").document

    async def sign_in(harness: AuthServerHarness) -> Tokens:
        code = await harness.code("web")
        secret = added["client_secret"]
        return await harness.token(harness.code_fields("web", code, client_secret=secret))

    assert server.use(sign_in).response.status_code == 200
    assert server.use(sign_in).response.status_code == 200
    listed = {
        client["client_id"]: client
        for client in server.verb("clients", "list", "--json").document["clients"]
    }
    assert (listed["web"]["origin"], listed["web"]["grants"]) == ("added", 2)
    assert listed["desk"]["origin"] == "configured"
    assert added["client_secret"] not in str(listed)


@pytest.mark.parametrize("whole", [False, True], ids=["one-client", "whole-registration"])
def test_removing_a_client_or_its_whole_registration_ends_its_tokens(
    server: Server, whole: bool
) -> None:
    async def another(harness: AuthServerHarness) -> tuple[str, Tokens]:
        client_id = (await harness.register(client_name="Notes\u202e"))["client_id"]
        return client_id, await harness.tokens(client_id)

    second, held = server.use(another)
    (row,) = [
        client
        for client in server.verb("clients", "list", "--json").document["clients"]
        if client["origin"] == "registered"
    ]

    removed = server.verb("clients", "remove", row["client_id"] if whole else second, "--json")

    assert row["grants"] == 2
    assert removed.document["state"] == "removed"
    assert server.refreshed(second, held) == 401
    assert server.refreshed(server.registered, server.other) == (401 if whole else 200)
    assert server.refreshed("desk", server.desk) == 200
    listed = server.verb("clients", "list", "--json").document["clients"]
    assert [client["grants"] for client in listed] == ([1] if whole else [1, 1])
