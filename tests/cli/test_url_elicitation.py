"""The command line shows a page that a server asks for, and leaves opening it to the user."""

import io
import sys
import webbrowser
from typing import Any

import pytest

from doorward.cli.client.url_elicitation import UrlElicitation
from doorward.cli.output import Output

SERVER = "https://mcp.example/mcp"
PAGE = "https://mcp.example/connect?elicitationId=abc"
ASKED = {"mode": "url", "url": PAGE, "message": "Connect \x1b[31myour\x1b[0m calendar."}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> bool:
        raise AssertionError("a browser was opened")

    monkeypatch.setattr(webbrowser, "open", refuse)


@pytest.mark.parametrize(
    ("typed", "action"),
    [
        ("\n", "accept"),
        ("y\n", "accept"),
        ("n\n", "decline"),
        ("what?\n", "cancel"),
        ("", "cancel"),
    ],
)
async def test_the_user_sees_the_page_url_and_decides(
    typed: str, action: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))

    answer = await UrlElicitation(Output(), SERVER)(ASKED)

    shown = capsys.readouterr()
    assert answer == {"action": action}
    assert PAGE in shown.err.splitlines()
    assert f"{SERVER} asks you to open a page of mcp.example:" in shown.err
    assert "\x1b[31m" not in shown.err
    assert shown.out == ""


@pytest.mark.parametrize("as_json", [False, True])
async def test_without_a_prompt_the_page_is_shown_and_cancelled(
    as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("\n") if as_json else io.StringIO("\n"))

    answer = await UrlElicitation(Output(as_json=as_json), SERVER)(ASKED)

    shown = capsys.readouterr()
    assert answer == {"action": "cancel"}
    assert PAGE in shown.err
    assert shown.out == ""


async def test_a_lookalike_host_causes_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    await UrlElicitation(Output(), SERVER)({**ASKED, "url": "https://xn--pple-43d.com/"})

    assert "Warning: " in capsys.readouterr().err
