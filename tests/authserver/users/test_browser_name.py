"""The name of a browser comes from a table, whatever the header says."""

import pytest

from doorward.authserver.users.browser_name import read_browser_name

GECKO = "(KHTML, like Gecko)"
HEADERS = [
    (f"(Windows NT 10.0) {GECKO} Chrome/156.0 Safari/537.36 Edg/156.0", "Edge on Windows"),
    (f"(Macintosh; Intel Mac OS X 10_15_7) {GECKO} Version/19.0 Safari/605.1", "Safari on macOS"),
    (f"(Linux; Android 10; K) {GECKO} Chrome/156.0 Mobile Safari/537.36", "Chrome on Android"),
    (f"(iPhone; like Mac OS X) {GECKO} CriOS/156.0 Safari/604.1", "Chrome on iPhone"),
    ("(X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0", "Firefox on Linux"),
]


@pytest.mark.parametrize(("header", "name"), HEADERS)
def test_known_browsers_have_a_name(header: str, name: str) -> None:
    assert read_browser_name(header) == name


@pytest.mark.parametrize("header", ["", "curl/8", "Firefox/", "<b>Windows</b>", "x" * 100_000])
def test_an_unknown_browser_has_none(header: str) -> None:
    assert read_browser_name(header) is None


def test_no_text_of_the_header_is_kept() -> None:
    assert read_browser_name("Firefox/<script> \u202e Windows") == "Firefox on Windows"
