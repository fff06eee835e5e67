"""Resource URIs in normal form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.wire.resource_uri import (
    coarse_form,
    coarse_template,
    is_normal,
    is_normal_template,
    normal_form,
)
from doorward.wire.uri_template import read_uri_template
from tests.ledger import proves


@proves("S184", "accepts", "every spelling of a URI")
@pytest.mark.parametrize(
    "uri",
    [
        "files://salaries.txt",
        "greeting://Alice",
        "file:///a/b/c.txt",
        "file:///C:/Users/a%20b",
        "notes://%C3%A4/",
        "search://items?q=a%26b&page=2",
        "proxy://https://example.com/x",
        "docs://https%3A%2F%2Fexample.com",
        "https://example.com/",
        "https://example.com:8443/a",
        "urn:isbn:0451450523",
        "mailto:A@B",
        "a://[::1]:8080/x",
        "git://x/...",
    ],
)
def test_a_uri_in_normal_form_is_accepted(uri: str) -> None:
    assert is_normal(uri)


@proves("S184", "refuses", "every spelling of a URI")
@pytest.mark.parametrize(
    ("uri", "written"),
    [
        ("files://s%61laries.txt", "files://salaries.txt"),
        ("files://s%2Ex", "files://s.x"),
        ("files://%c3%a4", "files://%C3%A4"),
        ("FILES://x", "files://x"),
        ("https://Example.com/", "https://example.com/"),
        ("https://example.com", "https://example.com/"),
        ("https://example.com:443/", "https://example.com/"),
        ("https://example.com:/", "https://example.com/"),
        ("a://x?", "a://x"),
        ("a://x#", "a://x"),
        ("a://x#y", "a://x"),
        ("a://x/./y", "a://x/y"),
        ("a://x/z/../y", "a://x/y"),
        ("a://x/%2e%2e/y", "a://x/y"),
        ("a://x/..", "a://x/"),
        ("a://x y", "a://x%20y"),
        ("a://ä", "a://%C3%A4"),
        ("a://x/{y}", "a://x/%7By%7D"),
        ("a://x/a\\b", "a://x/a%5Cb"),
    ],
)
def test_a_uri_outside_normal_form_is_refused_and_can_be_normalised(uri: str, written: str) -> None:
    assert not is_normal(uri)
    assert normal_form(uri) == written


@proves("S184", "refuses", "every spelling of a URI")
@pytest.mark.parametrize(
    "uri",
    [
        pytest.param("", id="empty"),
        pytest.param("salaries.txt", id="no-scheme"),
        pytest.param("//host/x", id="no-scheme-but-a-host"),
        pytest.param("1a://x", id="not-a-scheme"),
        pytest.param("a://..", id="dots-for-a-host"),
        pytest.param("a://%2E%2E/x", id="encoded-dots-for-a-host"),
        pytest.param("a://x/b%2F..%2Fc", id="dots-behind-an-encoded-slash"),
        pytest.param("a://x/..%5Cc", id="dots-before-an-encoded-backslash"),
        pytest.param("a://%2F..%2Fx", id="dots-within-the-host"),
        pytest.param("a://x%00", id="a-null-byte"),
        pytest.param("a://x%0Ay", id="a-line-break"),
        pytest.param("a://x\u200by", id="an-invisible-character"),
        pytest.param("a://x%E2%80%8By", id="an-encoded-invisible-character"),
        pytest.param("a://x%FF", id="not-utf-8"),
        pytest.param("a://x%C0%AE", id="an-overlong-dot"),
        pytest.param("a://x%ED%A0%80", id="half-a-surrogate-pair"),
        pytest.param("a://x%", id="a-broken-escape"),
        pytest.param("a://x%zz", id="not-hex"),
        pytest.param("a://x:y:z", id="two-ports"),
        pytest.param("\ud800", id="a-lone-surrogate"),
    ],
)
def test_a_uri_without_a_normal_form_is_refused(uri: str) -> None:
    assert normal_form(uri) is None
    assert not is_normal(uri)


PIECES = ["a", "B", "/", "%2F", "%2f", "%41", "%", "..", ".", "%2e", "?", "#", ":", "@", "\\",
          "%5C", "%00", "ä", "%C3%A4", " ", "{x}", "[", "//", "http:", "x:", "80", "%FF"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join) | st.text(max_size=20))
def test_normalisation_is_idempotent_and_leaves_no_dot_segments(rest: str) -> None:
    for start in ("a://", "https://", "a:", ""):
        written = normal_form(start + rest)
        if written is not None:
            assert is_normal(written)
            assert "#" not in written
            assert ".." not in coarse_form(written).split("/")


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_a_uri_and_its_normal_form_have_the_same_coarse_form(rest: str) -> None:
    plain = f"a://x/{rest.replace('.', '').replace('%2e', '')}"
    written = normal_form(plain)

    if written is not None:
        assert coarse_form(written) == coarse_form(plain.partition("#")[0])


@pytest.mark.parametrize(
    "uri",
    [
        "files://a/Salaries.TXT",
        "files://A/salaries.txt",
        "files://a/salaries.txt/",
        "files:///a/salaries.txt",
        "files:/a/salaries.txt",
        "files://%2Fa/salaries.txt",
        "files://a//salaries.txt",
        "files://a%2Fsalaries.txt",
        "files://a%5Csalaries.txt",
        "files://me@a/salaries.txt",
        "files://a:80/salaries.txt",
        "files://a/salaries.txt?x=1",
        "files://a/%EF%BD%93alaries.txt",
        "files://a/s%2561laries.txt",
        "files://a%252Fsalaries.txt",
        "files://a/salaries.txt%3Fx",
        "files://a/salaries.txt%23x",
        "files://a/salaries.txt%2523x",
    ],
)
def test_lookalikes_of_one_resource_have_the_same_coarse_form(uri: str) -> None:
    assert is_normal(uri)
    assert coarse_form(uri) == "files:a/salaries.txt"


@pytest.mark.parametrize(
    ("template", "uri"),
    [
        ("files://a/{x}", "files://A//b"),
        ("files://{x}/Key", "files://b%2Fkey/"),
        ("files://{x}/", "files://b"),
        ("urn:X:{y}", "urn:x:Z"),
    ],
)
def test_the_coarse_form_of_a_template_matches_the_coarse_form_of_its_uris(
    template: str, uri: str
) -> None:
    read = read_uri_template(coarse_template(template))

    assert read is not None
    assert read.match(coarse_form(uri)) is not None


@proves("S184", "refuses", "every spelling of a URI")
@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("notes://{owner}/{+path}", True),
        ("notes://about", True),
        ("files://{name}{?page,size}", True),
        ("a://{host}:{port}/", True),
        ("NOTES://{owner}", False),
        ("notes://%6eotes/{owner}", False),
        ("notes://a/../{owner}", False),
        ("notes://{owner}#x", False),
    ],
)
def test_the_literals_of_a_template_must_be_in_normal_form(text: str, normal: bool) -> None:
    assert is_normal_template(text) is normal
