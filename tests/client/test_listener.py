"""The loopback listener and its requests from browsers, scanners and attackers."""

import asyncio
import re
from pathlib import Path

import pytest

from doorward.authserver.pages import pages
from doorward.client.refusals import SignInFailed
from doorward.client.sign_in import listener as listener_module
from doorward.client.sign_in.listener import Listener
from tests.client.fake_issuer import send_request
from tests.ledger import proves


async def knocked(port: int, target: str, **options: str) -> tuple[int, dict[str, str], str]:
    return await asyncio.to_thread(send_request, port, target, **options)


@proves("S174", "accepts", "the callback listener")
async def test_the_listener_accepts_the_expected_callback() -> None:
    async with await Listener.open() as listener:
        waiting = asyncio.create_task(listener.answer("right", timeout=5))
        await asyncio.sleep(0)
        status, headers, page = await knocked(listener.port, "/callback?state=right&code=c%2B1")
        answer = await waiting

    assert (status, answer) == (200, {"state": "right", "code": "c+1"})
    assert "You can close this window" in page
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("parameters", "title"),
    [
        ("code=c", "Go back to the terminal"),
        ("error=access_denied", "Access was denied"),
        ("error=server_error&error_description=call+0900", "The sign-in failed"),
        # Neither is a sign-in, and validation refuses both.
        ("error=access_denied&code=c", "Access was denied"),
        ("nothing=x", "The sign-in failed"),
    ],
)
async def test_the_page_names_a_denial_and_an_error(parameters: str, title: str) -> None:
    async with await Listener.open() as listener:
        listener.expect("right")
        status, _, page = await knocked(listener.port, f"/callback?state=right&{parameters}")

    assert status == 200
    assert f"<h1>{title}</h1>" in page
    assert "You can close this window" in page
    assert "0900" not in page


async def test_the_page_shares_colours_and_icons_with_the_authorization_server() -> None:
    templates = Path(pages.__file__).parent / "templates"
    style, parts = ((templates / name).read_text() for name in ("style.css", "parts.html"))
    async with await Listener.open() as listener:
        listener.expect("right")
        _, _, opened = await knocked(listener.port, "/callback?state=right&code=c")
        _, _, shut = await knocked(listener.port, "/other")

    colours = re.findall(r"--[a-z]+: #[0-9a-f]{6}", opened)
    assert len(colours) == 18
    assert [colour for colour in colours if colour not in style] == []
    shapes = re.findall(r' d="[^"]+"', opened + shut)
    assert len(shapes) == 6
    assert [shape for shape in shapes if shape not in parts] == []


@proves("S174", "refuses", "the callback listener")
@pytest.mark.parametrize(
    ("target", "options", "status"),
    [
        pytest.param("/callback?state=wrong&code=c", {}, 404, id="another-state"),
        pytest.param("/callback?code=c", {}, 404, id="no-state"),
        pytest.param("/callback?state=right&state=wrong&code=c", {}, 404, id="two-states"),
        pytest.param("/callback/?state=right&code=c", {}, 404, id="slash"),
        pytest.param("/Callback?state=right&code=c", {}, 404, id="case"),
        pytest.param("/x/../callback?state=right&code=c", {}, 404, id="dots"),
        pytest.param("/?state=right&code=c", {}, 404, id="root"),
        pytest.param("/favicon.ico", {}, 404, id="icon"),
        pytest.param("/callback?state=right&code=%00", {}, 404, id="nul"),
        pytest.param("/callback?state=right", {"method": "POST"}, 405, id="post"),
        pytest.param("/callback?state=right", {"host": "evil.example"}, 404, id="another-host"),
        pytest.param("/callback?state=right", {"host": "127.0.0.1"}, 404, id="no-port"),
        pytest.param("/callback?state=right", {"host": "localhost:1"}, 404, id="another-port"),
    ],
)
async def test_an_unexpected_request_is_refused_and_does_not_end_the_wait(
    target: str, options: dict[str, str], status: int
) -> None:
    async with await Listener.open() as listener:
        waiting = asyncio.create_task(listener.answer("right", timeout=5))
        await asyncio.sleep(0)
        got, _, _ = await knocked(listener.port, target, **options)
        assert not waiting.done()
        await knocked(listener.port, "/callback?state=right&code=c")
        assert (await waiting)["code"] == "c"

    assert got == status


@proves("S174", "refuses", "the callback listener")
async def test_only_the_first_callback_is_accepted() -> None:
    async with await Listener.open() as listener:
        waiting = asyncio.create_task(listener.answer("right", timeout=5))
        await asyncio.sleep(0)
        first, _, _ = await knocked(listener.port, "/callback?state=right&code=one")
        second, _, _ = await knocked(listener.port, "/callback?state=right&code=two")

        assert (await waiting)["code"] == "one"
    assert (first, second) == (200, 404)


@proves("S174", "refuses", "the callback listener")
async def test_the_page_does_not_reflect_the_request() -> None:
    async with await Listener.open() as listener:
        for target in ("/<script>alert(1)</script>", "/callback?state=<b>&error=<i>"):
            _, _, page = await knocked(listener.port, target)
            assert "<script>alert" not in page
            assert "<b>" not in page


async def test_the_listener_binds_to_loopback_and_closes() -> None:
    listener = await Listener.open()
    assert listener.redirect_uri == f"http://127.0.0.1:{listener.port}/callback"
    assert listener._server is not None
    assert {sock.getsockname()[0] for sock in listener._server.sockets} == {"127.0.0.1"}

    await listener.aclose()

    with pytest.raises(ConnectionRefusedError):
        await knocked(listener.port, "/callback")


async def test_a_free_port_replaces_a_port_in_use() -> None:
    async with await Listener.open() as first, await Listener.open(first.port) as second:
        assert second.port not in (0, first.port)


async def test_waiting_for_the_browser_times_out() -> None:
    async with await Listener.open() as listener:
        with pytest.raises(SignInFailed) as refusal:
            await listener.answer("right", timeout=0.01)

    assert refusal.value.reason == "timed-out"


async def test_an_idle_connection_does_not_delay_closing() -> None:
    listener = await Listener.open()
    _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    await asyncio.sleep(0.01)

    async with asyncio.timeout(2):
        await listener.aclose()
    writer.close()


@proves("S174", "refuses", "the callback listener")
async def test_the_oldest_idle_connections_are_closed_to_admit_the_browser(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener_module, "_READ_TIMEOUT", 600.0)
    async with await Listener.open() as listener:
        listener.expect("right")
        held = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(40)]
        async with asyncio.timeout(30):
            given_way = [await reader.read() for reader, _ in held[:8]]
        kept = [reader.at_eof() for reader, _ in held[8:]]
        status, _, _ = await knocked(listener.port, "/callback?state=right&code=c")
        answer = await listener.answer("right", timeout=5)
        for _, writer in held:
            writer.close()

    assert given_way == [b""] * 8
    assert kept == [False] * 32
    assert (status, answer["code"]) == (200, "c")
