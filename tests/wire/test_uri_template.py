"""URI templates: the values of the variables in a URI."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.wire.uri_template import read_uri_template


@pytest.mark.parametrize(
    ("template", "uri", "values"),
    [
        ("notes://{owner}", "notes://alice", {"owner": "alice"}),
        ("test://template/{id}/data", "test://template/123/data", {"id": "123"}),
        ("a://{x}/{y}", "a://1/2", {"x": "1", "y": "2"}),
        ("a://{x}-{y}", "a://1-2-3", {"x": "1", "y": "2-3"}),
        ("file:///{+path}", "file:///a/b/c.txt", {"path": "a/b/c.txt"}),
        ("a://{x}", "a://%C3%A4%20b", {"x": "ä b"}),
        ("a://{x}/", "a://y/", {"x": "y"}),
    ],
)
def test_a_matching_uri_gives_the_values_of_the_variables(
    template: str, uri: str, values: dict[str, str]
) -> None:
    read = read_uri_template(template)

    assert read is not None
    assert read.match(uri) == values


@pytest.mark.parametrize(
    ("template", "uri"),
    [
        ("a://{x}", "a://"),
        ("a://{x}", "b://1"),
        ("a://{x}", "a://1/2"),
        ("a://{x}", "a://1?2"),
        ("a://{x}", "a://1#2"),
        ("a://{x}", "a://1%2F2"),
        ("a://{x}", "a://%2e%2E"),
        ("a://{x}", "a://.."),
        ("a://{x}", "a://1%5C2"),
        ("a://{x}", "a://1%00"),
        ("a://{x}", "a://%"),
        ("a://{x}", "a://%zz"),
        ("a://{x}", "a://%ff"),
        ("a://{x}/end", "a:///end"),
        ("a://{x}/end", "a://1/end/"),
        ("a://{x}/{y}", "a://1"),
        ("a://{x}/{y}", "a:///1"),
        ("aa{x}aa", "aaa"),
        ("file:///{+path}", "file:///a/../b"),
        ("file:///{+path}", "file:///.."),
        ("file:///{+path}", "file:///a/%2e%2e/b"),
        ("file:///{+path}", "file:///a/..%2fb"),
        ("file:///{+path}", "file:///a\\..\\b"),
    ],
)
def test_a_uri_with_dot_segments_or_another_form_does_not_match(template: str, uri: str) -> None:
    read = read_uri_template(template)

    assert read is not None
    assert read.match(uri) is None


@pytest.mark.parametrize(
    "text",
    [
        *("a://", "{x}", "a://{x}{y}", "a://{x}/{x}", "a://{", "a://}", "a://{x}}", "a://{?q}"),
        *("a://{#f}", "a://{x,y}", "a://{x*}", "a://{x:3}", "a://{1}", "a://{}", "a:// {x}"),
    ],
)
def test_an_ambiguous_or_unsupported_template_is_refused(text: str) -> None:
    assert read_uri_template(text) is None


@given(st.text(st.characters(codec="ascii"), max_size=60))
def test_no_value_contains_a_dot_segment(rest: str) -> None:
    for text in ("a://{x}/{y}", "a://{+x}"):
        read = read_uri_template(text)
        assert read is not None
        for name, value in (read.match("a://" + rest) or {}).items():
            assert value
            assert ".." not in value.split("/")
            assert name in read.across_segments or "/" not in value


def test_a_hostile_uri_is_matched_in_bounded_time() -> None:
    read = read_uri_template("a://{a}-{b}-{c}-{d}-{e}!")
    assert read is not None

    began = time.process_time()
    assert read.match("a://" + "-" * 200_000) is None
    assert time.process_time() - began < 1
