"""Which URLs are opened in a browser."""

import webbrowser

import pytest

from doorward.client.refusals import SignInFailed
from doorward.client.sign_in.browser import open_browser
from tests.ledger import proves


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []

    def take(url: str, new: int = 0) -> bool:
        seen.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", take)
    return seen


@proves("S173", "accepts", "opening the browser")
@pytest.mark.parametrize(
    "url",
    [
        "https://issuer.example/authorize?client_id=a&state=b&scope=mcp%3Aread+mcp%3Atools",
        "http://localhost:9000/authorize?redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Fcallback",
        "https://issuer.example:8443/a~b/c-d_e.f?x=1%20%24%28id%29",
    ],
)
def test_a_web_url_is_opened_unchanged(opened: list[str], url: str) -> None:
    assert open_browser(url)
    assert opened == [url]


@proves("S173", "refuses", "opening the browser")
@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/html,x",
        "vscode://x",
        "--new-window",
        "-a Calculator",
        "https://issuer.example/$(calc)",
        "https://issuer.example/`calc`",
        'https://issuer.example/"&calc"',
        "https://issuer.example/'|calc",
        "https://issuer.example/a b",
        "https://issuer.example/a\ncalc",
        "https://issuer.example/\\\\evil\\share",
        "https://issuer.example/;calc",
        "https://user@issuer.example/",
        "https:/issuer.example",
        "https://",
        "",
    ],
)
def test_a_url_that_is_not_a_plain_web_url_is_not_opened(opened: list[str], url: str) -> None:
    with pytest.raises(SignInFailed) as refusal:
        open_browser(url)

    assert refusal.value.reason == "unsafe-url"
    assert opened == []
