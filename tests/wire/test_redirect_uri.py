"""Redirect URIs: which may be registered, and which requested one is the registered one."""

import pytest

from doorward.wire.oauth.redirect_uri import is_acceptable, matches, problem_with, without_port
from tests.ledger import proves

REGISTERED = "https://app.example/cb"


@proves("S12", "accepts", "redirect URIs match exactly")
@pytest.mark.parametrize(
    "uri", [REGISTERED, "https://app.example/cb?tenant=1", "com.example.app:/cb"]
)
def test_the_same_string_matches(uri: str) -> None:
    assert matches(uri, uri)


@proves("S12", "refuses", "redirect URIs match exactly")
@pytest.mark.parametrize(
    "requested",
    [
        pytest.param("https://app.example/CB", id="case-of-path"),
        pytest.param("https://APP.example/cb", id="case-of-host"),
        pytest.param("https://app.example/cb/", id="trailing-slash"),
        pytest.param("https://app.example/cb?", id="empty-query"),
        pytest.param("https://app.example/cb?x=1", id="extra-query"),
        pytest.param("https://app.example/cb#", id="fragment"),
        pytest.param("https://app.example/x/%2e%2e/cb", id="encoded-dots"),
        pytest.param("https://app.example/..;/cb", id="path-parameter"),
        pytest.param("https://app.example/cb/../cb", id="dots"),
        pytest.param("https://user@app.example/cb", id="userinfo"),
        pytest.param("https://app.example@evil.example/cb", id="host-as-userinfo"),
        pytest.param("https://app.example:443/cb", id="default-port"),
        pytest.param("https://app.example:8443/cb", id="port"),
        pytest.param("https://app.example.evil.example/cb", id="longer-host"),
        pytest.param("https://äpp.example/cb", id="idn"),
        pytest.param("https://app.example\\@evil.example/cb", id="backslash"),
        pytest.param("https://app.example/cb\t", id="tab"),
        pytest.param(" https://app.example/cb", id="space"),
        pytest.param("http://app.example/cb", id="scheme"),
        pytest.param("//app.example/cb", id="no-scheme"),
        pytest.param("https://app.example/c", id="prefix"),
    ],
)
def test_anything_but_the_same_string_does_not_match(requested: str) -> None:
    assert not matches(REGISTERED, requested)


@proves("S13", "accepts", "loopback redirects may change the port")
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
@pytest.mark.parametrize("port", ["", ":1", ":41000", ":65535"])
def test_on_loopback_any_port_matches(host: str, port: str) -> None:
    assert matches(f"http://{host}/callback", f"http://{host}{port}/callback")
    assert matches(f"http://{host}:3000/callback", f"http://{host}{port}/callback")


@proves("S13", "refuses", "loopback redirects may change the port")
@pytest.mark.parametrize(
    "requested",
    [
        "https://127.0.0.1:3000/callback",
        "http://localhost:3000/callback",
        "http://[::1]:3000/callback",
        "http://127.0.0.1:3000/callback/",
        "http://127.0.0.1:3000/callback?x=1",
        "http://127.0.0.1:3000/",
        "http://127.0.0.1.evil.example:3000/callback",
        "http://localhost.evil.example/callback",
        "http://127.1:3000/callback",
        "http://0x7f.0.0.1:3000/callback",
        "http://2130706433/callback",
        "http://[::ffff:127.0.0.1]:3000/callback",
        "http://127.0.0.1:99999/callback",
        "http://127.0.0.1:/callback",
        "http://127.0.0.1@evil.example/callback",
        "http://evil.example#@127.0.0.1/callback",
    ],
)
def test_on_loopback_nothing_but_the_port_may_differ(requested: str) -> None:
    assert not matches("http://127.0.0.1:3000/callback", requested)


def test_different_ports_of_a_web_host_do_not_match() -> None:
    assert not matches("https://app.example:8443/cb", "https://app.example:9443/cb")


@proves("S50", "accepts", "redirect URIs at registration")
@pytest.mark.parametrize(
    "uri",
    [
        "https://claude.ai/api/mcp/auth_callback",
        "https://app.example/cb?tenant=1",
        "http://localhost:6274/oauth/callback",
        "http://127.0.0.1:33418/",
        "http://[::1]:8080/cb",
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "vscode://saoudrizwan.claude-dev/mcp-auth/callback/abc",
        "com.example.app:/oauth2redirect",
    ],
)
def test_redirect_uris_of_real_clients_can_be_registered(uri: str) -> None:
    assert is_acceptable(uri)


@proves("S50", "refuses", "redirect URIs at registration")
@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "blob:https://app.example/x",
        "vbscript:x",
        "about:blank",
        "ws://app.example/cb",
        "ms-msdt:/id",
        "https://app.example/cb#x",
        "https://app.example/cb#",
        "https://user:pw@app.example/cb",
        "https://*.app.example/cb",
        "https://app.example/*",
        "http://app.example/cb",
        "http://10.0.0.1/cb",
        "https:///cb",
        "https:cb",
        "https://",
        "/cb",
        "",
        "com.example.app:",
        "https://app.example:99999/cb",
        "https://app.example/a b",
        "https://app.example/a/../b",
        "https://app.example/" + "a" * 2048,
        "https://app.example/cb?iss=https://other.example",
        "https://app.example/cb?x=1&code=1",
    ],
)
def test_an_unsafe_redirect_uri_is_refused(uri: str) -> None:
    assert not is_acceptable(uri)
    assert problem_with(uri)


@proves("S51", "accepts", "application_type decides redirects")
@pytest.mark.parametrize(
    ("uri", "application_type"),
    [
        ("https://app.example/cb", "web"),
        ("https://app.example/cb", "native"),
        ("http://localhost/cb", "native"),
        ("cursor://x/y", "native"),
        ("http://localhost/cb", None),
        ("cursor://x/y", None),
        ("https://app.example/cb", None),
    ],
)
def test_each_application_type_accepts_its_redirect_uris(
    uri: str, application_type: str | None
) -> None:
    assert is_acceptable(uri, application_type)


@proves("S51", "refuses", "application_type decides redirects")
@pytest.mark.parametrize(
    "uri", ["http://localhost/cb", "http://127.0.0.1:1/cb", "com.example.app:/cb"]
)
def test_a_web_application_cannot_register_a_native_redirect_uri(uri: str) -> None:
    assert not is_acceptable(uri, "web")


def test_the_port_is_removed_only_from_loopback_redirect_uris() -> None:
    assert without_port("http://[::1]:41/cb?x=1") == without_port("http://[::1]:42/cb?x=1")
    assert without_port("http://localhost:41/cb") == "http://localhost/cb"
    assert without_port("https://app.example:41/cb") == "https://app.example:41/cb"
