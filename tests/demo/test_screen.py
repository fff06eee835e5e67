"""What the demo shows while it runs."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from doorward.authserver import ServerEvent
from doorward.cli.server.demo_screen import SENTENCES, JsonScreen, RichScreen
from doorward.demo.app import DemoAddresses
from doorward.demo.own_server import OwnServer
from doorward.demo.users import DEMO_USERS, users_of_own_server
from doorward.guard import AuditEvent, Guard
from doorward.policy import Policy, Rule

WHERE = DemoAddresses(
    issuer="http://localhost:9000", mcp="http://localhost:9000/mcp", data=None, signs_in_as=None
)
AUTHSERVER = Path(__file__).parents[2] / "src" / "doorward" / "authserver"


def server_event(kind: str, *, time: float, reason: str = "", **facts: str) -> ServerEvent:
    return ServerEvent(
        kind=kind, time=time, reason=reason or kind, correlation_id="c0ffee", facts=facts
    )


def screen() -> tuple[RichScreen, io.StringIO]:
    shown = io.StringIO()
    return RichScreen(Console(file=shown, width=100, highlight=False, soft_wrap=True)), shown


def test_it_shows_where_it_is_who_can_sign_in_and_what_to_paste() -> None:
    rich, shown = screen()

    rich.show_addresses(WHERE)

    text = shown.getvalue()
    assert "http://localhost:9000/mcp" in text
    for someone in DEMO_USERS:
        assert someone.username in text
        assert someone.password in text
    assert "claude mcp add --transport http doorward-demo http://localhost:9000/mcp" in text
    assert '{"mcpServers": {"doorward-demo": {"url": "http://localhost:9000/mcp"}}}' in text
    assert "forgets everything at exit" in text


def test_for_an_own_server_it_shows_what_to_put_into_it_and_how_to_call_it() -> None:
    own = OwnServer(
        resource="http://localhost:8000/mcp", scopes=("orders:read", "orders:refund"), roles=("m",)
    )
    where = replace(
        WHERE,
        mcp=own.resource,
        own=own,
        users=users_of_own_server(own.scopes, own.roles),
        data=Path("/home/me/demo-9000"),
    )
    rich, shown = screen()

    rich.show_addresses(where)

    text = shown.getvalue()
    line = re.search(r"guard = (Guard\(.*?\n  \))", text, re.DOTALL)
    assert line is not None
    guard = eval(line[1], {"Guard": Guard, "Policy": Policy, "Rule": Rule})
    assert (guard.resource, guard.issuers[0].issuer) == (own.resource, WHERE.issuer)
    assert guard.policy.base.scopes == {"orders:read"}
    assert f"doorward login {own.resource}" in text
    assert f"doorward tools {own.resource}" in text
    assert f"claude mcp add --transport http my-server {own.resource}" in text
    assert f"{WHERE.issuer}/mcp" not in text
    assert re.search(r"admin +admin-demo +admin m user +orders:read orders:refund", text)
    assert "/home/me/demo-9000" in text
    assert "--fresh" in text


def test_a_refusal_names_who_what_why_and_the_id_to_look_up() -> None:
    rich, shown = screen()

    rich.show_decision(
        AuditEvent(
            time=0,
            correlation_id="c0ffee",
            decision="refused",
            reason="scope-missing",
            status=403,
            http_method="POST",
            method="tools/call",
            name="audit_log",
            scopes=frozenset({"mcp:admin", "mcp:tools"}),
        ),
        "alice",
    )

    line = shown.getvalue()
    assert "alice" in line
    assert "tools/call audit_log  403 scope-missing  needs mcp:admin mcp:tools  c0ffee" in line


def test_what_a_stranger_wrote_cannot_steer_the_terminal() -> None:
    rich, shown = screen()

    rich.show_event(server_event("client.registered", time=0, client_id="\x1b[2J[red]\nevil"), None)

    line = shown.getvalue()
    assert "\x1b" not in line
    assert "[red]" in line
    assert line.count("\n") == 1


def test_every_event_of_the_authorization_server_has_a_sentence() -> None:
    told = {
        kind
        for source in AUTHSERVER.rglob("*.py")
        for kind in re.findall(
            r'(?:\.record_event\(|kind=)\s*"([a-z-]+\.[a-z-]+)"', source.read_text()
        )
    }

    assert len(told) > 5
    assert told == SENTENCES.keys()


def test_every_event_of_the_authorization_server_is_documented() -> None:
    page = (AUTHSERVER.parents[2] / "docs" / "authorization-server.md").read_text()
    table = page.partition("## Audit events")[2]

    assert {kind for kind in SENTENCES if f"`{kind}`" not in table} == set()


@pytest.mark.parametrize("kind", sorted(SENTENCES))
def test_a_sentence_needs_no_more_than_its_event_tells(kind: str) -> None:
    wanted = set(re.findall(r"{(\w+)}", SENTENCES[kind])) - {"who", "reason"}
    calls = [
        call
        for source in AUTHSERVER.rglob("*.py")
        for call in re.findall(
            rf'(?:\.record_event\(\s*"{re.escape(kind)}"([^)]*)\)|kind="{re.escape(kind)}")',
            source.read_text(),
        )
    ]

    assert calls
    for facts in filter(None, calls):
        assert wanted <= set(re.findall(r"(\w+)=", facts)), facts


def test_for_programs_every_line_is_one_json_object() -> None:
    lines: list[str] = []
    printer = JsonScreen(json.dumps, lines.append)

    printer.show_addresses(WHERE)
    printer.show_event(server_event("sign-in.succeeded", time=1, user="u"), "alice")

    first, second = (json.loads(line) for line in lines)
    assert first["event"] == "listening"
    assert first["mcp"] == "http://localhost:9000/mcp"
    assert {one["username"] for one in first["users"]} == {"alice", "bob", "admin", "guest"}
    assert second == {"event": "sign-in.succeeded", "time": 1, "who": "alice", "user": "u"}


def test_for_programs_a_refused_request_has_its_reason_and_correlation_id() -> None:
    lines: list[str] = []
    refused = server_event("request.refused", time=1, reason="invalid-client", path="/token")

    JsonScreen(json.dumps, lines.append).show_event(refused, None)

    assert json.loads(lines[0]) == {
        "event": "request.refused",
        "time": 1,
        "who": None,
        "reason": "invalid-client",
        "correlation_id": "c0ffee",
        "path": "/token",
    }


def test_a_refused_request_is_one_line_with_its_reason() -> None:
    rich, shown = screen()

    rich.show_event(
        server_event("request.refused", time=0, reason="invalid-grant", path="/token"), None
    )

    assert "/token was refused: invalid-grant" in shown.getvalue()
