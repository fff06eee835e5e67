"""A host is shown so that its owner, and not its decoration, is what a person reads."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.authserver.pages.host_name import read_host
from tests.ledger import proves


@proves("S82", "accepts", "look-alike client hosts")
@pytest.mark.parametrize(
    ("host", "subdomain", "domain", "port"),
    [
        ("claude.ai", "", "claude.ai", ""),
        ("www.example.com:8443", "www.", "example.com", ":8443"),
        ("tools.example.co.uk", "tools.", "example.co.uk", ""),
        ("me.github.io", "", "me.github.io", ""),
        ("localhost:53682", "", "localhost", ":53682"),
        ("127.0.0.1:80", "", "127.0.0.1", ":80"),
        ("[::1]:80", "", "[::1]", ":80"),
        ("example.com.", "", "example.com", ""),
    ],
)
def test_an_ordinary_host_is_shown_whole(host: str, subdomain: str, domain: str, port: str) -> None:
    shown = read_host(host)

    assert (shown.subdomain, shown.domain, shown.port) == (subdomain, domain, port)
    assert shown.reads_as is None
    assert not shown.is_misleading


@proves("S82", "refuses", "look-alike client hosts")
@pytest.mark.parametrize(
    ("host", "domain", "reads_as"),
    [
        pytest.param("xn--80ak6aa92e.com", "xn--80ak6aa92e.com", "аррӏе.com", id="punycode"),
        pytest.param("аррӏе.com", "xn--80ak6aa92e.com", "аррӏе.com", id="unicode"),
        pytest.param("аpple.com", "xn--pple-43d.com", "аpple.com", id="one-cyrillic-letter"),
        pytest.param("bücher.example", "xn--bcher-kva.example", "bücher.example", id="honest"),
    ],
)
def test_letters_beyond_ascii_are_shown_in_both_forms(
    host: str, domain: str, reads_as: str
) -> None:
    shown = read_host(host)

    assert shown.domain == domain
    assert shown.reads_as == reads_as
    assert shown.text.isascii()


@proves("S82", "refuses", "look-alike client hosts")
@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("accounts.google.com.sign-in.example", "sign-in.example"),
        ("claude.ai.oauth.impostor.co.uk", "impostor.co.uk"),
        ("login.bank.example.impostor.github.io", "impostor.github.io"),
        ("a" * 60 + ".impostor.example", "impostor.example"),
        (".".join(["deep"] * 50) + ".impostor.example", "impostor.example"),
    ],
)
def test_a_long_subdomain_does_not_hide_whose_host_it_is(host: str, domain: str) -> None:
    shown = read_host(host)

    assert shown.domain == domain
    assert shown.is_misleading
    assert len(shown.subdomain) <= 50


@settings(deadline=None)
@given(st.text(max_size=400))
def test_whatever_comes_is_shown_without_surprises(host: str) -> None:
    shown = read_host(host)

    assert all(c == "…" or "!" <= c <= "~" for c in shown.text)
