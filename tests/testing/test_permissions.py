"""A snapshot test fails only if more people can do more."""

from pathlib import Path

import pytest

from doorward import Guard, McpServer, Policy, Rule
from doorward.errors import ConfigurationError
from doorward.testing import assert_permissions_unchanged

BASE = Rule(scopes={"mcp:read"})
STRICT = Policy(
    base=BASE,
    rules={("tools/call", "refund"): Rule("refunds", roles={"manager"}, kinds={"person"})},
)
LOOSE = Policy(base=BASE, rules={("tools/call", "refund"): Rule("refunds", kinds={"person"})})


def written(policy: object, path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a snapshot of ``policy``, written as the documentation says."""
    file = path / "permissions.json"
    with monkeypatch.context() as patch:
        patch.setenv("DOORWARD_UPDATE_SNAPSHOT", "1")
        assert_permissions_unchanged(policy, file)
    return file


def test_the_same_permissions_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(STRICT, tmp_path, monkeypatch)

    assert assert_permissions_unchanged(STRICT, file) == []


def test_wider_permissions_fail_and_say_what_became_wider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(STRICT, tmp_path, monkeypatch)

    with pytest.raises(AssertionError) as failure:
        assert_permissions_unchanged(LOOSE, file)

    said = str(failure.value)
    assert "tools/call refund: now person with mcp:read and refunds" in said
    assert "before person with mcp:read and refunds, as manager" in said
    assert "DOORWARD_UPDATE_SNAPSHOT=1" in said


def test_narrower_permissions_pass_and_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(LOOSE, tmp_path, monkeypatch)

    (change,) = assert_permissions_unchanged(STRICT, file)

    assert (change.title, change.what) == ("tools/call refund", "narrower")


def test_a_change_is_accepted_by_writing_the_snapshot_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(STRICT, tmp_path, monkeypatch)
    file = written(LOOSE, tmp_path, monkeypatch)

    assert_permissions_unchanged(LOOSE, file)


def test_a_missing_snapshot_fails_and_is_not_made(tmp_path: Path) -> None:
    file = tmp_path / "permissions.json"

    with pytest.raises(AssertionError, match="no snapshot"):
        assert_permissions_unchanged(STRICT, file)

    assert not file.exists()


def test_a_file_that_is_no_snapshot_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "permissions.json"
    file.write_text("not json")

    with pytest.raises(ConfigurationError) as refusal:
        assert_permissions_unchanged(STRICT, file)

    assert refusal.value.reason == "not-a-snapshot"


def test_a_snapshot_that_says_two_things_of_one_operation_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(STRICT, tmp_path, monkeypatch)
    line = next(one for one in file.read_text().splitlines() if "refund" in one)
    loose = line.replace('["manager"]', "")
    file.write_text(file.read_text().replace(line, f"{line},\n{loose}"))

    with pytest.raises(ConfigurationError) as refusal:
        assert_permissions_unchanged(LOOSE, file)

    assert refusal.value.reason == "not-a-snapshot"


def test_a_tool_whose_author_drops_a_scope_fails_for_server_and_guard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def server(*scopes: str) -> McpServer:
        made = McpServer("shop", version="1")

        @made.tool(scopes=scopes)
        async def refund(order: str) -> str:
            return order

        return made

    def guard(made: McpServer) -> Guard:
        return Guard(
            resource="https://mcp.example/mcp",
            issuer="https://login.example",
            policy=Policy(base=BASE, rules=made.rules),
        )

    strict, loose = server("refunds"), server()
    for before, after in ((strict, loose), (guard(strict), guard(loose))):
        file = written(before, tmp_path, monkeypatch)
        assert_permissions_unchanged(before, file)
        with pytest.raises(AssertionError, match="tools/call refund"):
            assert_permissions_unchanged(after, file)


def test_one_operation_stands_on_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = written(STRICT, tmp_path, monkeypatch).read_text().splitlines()

    assert sum("tools/call refund" in line and "manager" in line for line in lines) == 1
