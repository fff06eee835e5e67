"""A URL is accepted only if all parsers read it alike."""

import pytest

from doorward.net.http.refusals import FetchRefused
from doorward.net.http.url import read_target
from tests.ledger import proves


@proves("S69", "accepts", "odd spellings of addresses")
@pytest.mark.parametrize(
    ("url", "pair", "path"),
    [
        ("https://idp.example/keys", "idp.example:443", "/keys"),
        ("https://IDP.Example", "idp.example:443", "/"),
        ("https://idp.example:8443/a?b=c", "idp.example:8443", "/a?b=c"),
        ("http://localhost:9000/x", "localhost:9000", "/x"),
        ("https://8.8.8.8/", "8.8.8.8:443", "/"),
        ("https://[2606:4700::1]/", "2606:4700::1:443", "/"),
        ("https://1.example-2.x1/", "1.example-2.x1:443", "/"),
        ("https://7f.example/", "7f.example:443", "/"),
    ],
)
def test_a_plain_url_is_read_into_host_port_and_path(url: str, pair: str, path: str) -> None:
    target = read_target(url)

    assert (target.host_port, target.path) == (pair, path)


@proves("S69", "refuses", "odd spellings of addresses")
@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "0x7f000001",
        "127.0.0.1.",
        "localhost.",
        "1.2.3.4.5",
        "256.1.1.1",
        "a.0x",
        "example.1",
        "%31%32%37.0.0.1",
        "[::1",
        "[fe80::1%25e]",
        "[::ffff:127.0.0.1%1]",
        "example..com",
        "-a.example",
        "ex_ample-.com",
        "①②⑦.0.0.1",
        "a b",
        "",
        ".",
        "127。0。0。1",
        "[v1.x]",
        "[::1]x",
        "[8.8.8.8]",
        "a" * 64 + ".example",
        "x." * 130 + "example",
    ],
)
def test_an_ambiguous_or_malformed_host_is_refused(host: str) -> None:
    with pytest.raises(FetchRefused) as refusal:
        read_target(f"https://{host}/keys")

    assert refusal.value.code == "fetch-refused"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://idp.example/",
        "file:///etc/passwd",
        "gopher://x/",
        "//idp.example/",
        "idp.example",
        "",
        "https://user@idp.example/",
        "https://user:pw@idp.example/",
        "https://@idp.example/",
        "https://evil.example\\@idp.example/",
        "https://idp.example/#f",
        "https://idp.example:/",
        "https://idp.example:0/",
        "https://idp.example:65536/",
        "https://idp.example:x/",
        "https://idp.example/a b",
        "https://idp.example/a\\b",
        "https://idp.example/\r\nX: y",
        "https://idp.example/\x00",
        "https:idp.example",
        "https:///keys",
        "https://idp.example/" + "a" * 2050,
        "https://ídp.test/",
        "javascript:alert(1)",
        "data:application/json,{}",
        " https://idp.example/",
    ],
)
def test_a_malformed_or_unsupported_url_is_refused(url: str) -> None:
    with pytest.raises(FetchRefused):
        read_target(url)
