"""Where the browser will go is told as one of three kinds of place."""

import pytest

from doorward.authserver.pages.destination import read_destination
from tests.ledger import proves


@proves("S34", "accepts", "what the consent page shows")
@pytest.mark.parametrize(
    ("uri", "loopback_only", "kind", "shown"),
    [
        ("https://claude.ai/api/mcp/auth_callback", False, "site", "claude.ai"),
        ("https://a.example:8443/cb", False, "site", "a.example:8443"),
        ("http://localhost:1/cb", True, "this-computer", "localhost:1"),
        ("http://127.0.0.1:53682/cb", False, "this-computer", "127.0.0.1:53682"),
        ("http://[::1]:9/cb", False, "this-computer", "[::1]:9"),
    ],
)
def test_a_web_address_is_told_by_its_host(
    uri: str, loopback_only: bool, kind: str, shown: str
) -> None:
    destination = read_destination(uri, loopback_only=loopback_only)

    assert destination.kind == kind
    assert destination.host is not None
    assert destination.host.text == shown


@pytest.mark.parametrize(
    ("uri", "scheme"),
    [
        ("cursor://anysphere.cursor-mcp/oauth/callback", "cursor"),
        ("com.example.app:/cb", "com.example.app"),
    ],
)
def test_a_private_use_scheme_is_told_by_its_name(uri: str, scheme: str) -> None:
    destination = read_destination(uri, loopback_only=False)

    assert (destination.kind, destination.scheme) == ("application", scheme)


@proves("S34", "refuses", "what the consent page shows")
@pytest.mark.parametrize(
    "uri",
    ["https://localhost.impostor.example/cb", "https://127.0.0.1.impostor.example/cb"],
)
def test_a_name_that_begins_like_this_computer_is_a_site(uri: str) -> None:
    destination = read_destination(uri, loopback_only=False)

    assert destination.kind == "site"
    assert destination.host is not None
    assert destination.host.domain == "impostor.example"


@proves("S82", "refuses", "look-alike client hosts")
def test_what_stands_before_an_at_sign_is_not_shown_as_the_host() -> None:
    destination = read_destination("https://claude.ai@impostor.example/cb", loopback_only=False)

    assert destination.host is not None
    assert destination.host.text == "impostor.example"


@pytest.mark.parametrize("uri", ["http://[::1/cb", "https:///cb", "nonsense", ""])
def test_what_cannot_be_read_is_treated_with_the_most_care(uri: str) -> None:
    assert read_destination(uri, loopback_only=False).kind == "application"
