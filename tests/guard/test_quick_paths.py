"""Each fast path of the guard equals its reference."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from doorward.audit import escape_for_log
from doorward.guard.audit.events import event
from doorward.guard.http.request_headers import read_headers
from doorward.policy import Operation

TEXTS = st.text(max_size=20) | st.text(min_size=490, max_size=510)
HEADERS = st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c", b"d"]), st.binary(max_size=3)))


@given(http_method=TEXTS, method=TEXTS, name=st.none() | TEXTS, detail=TEXTS)
def test_fields_escaped_together_equal_fields_escaped_one_by_one(
    http_method: str, method: str, name: str | None, detail: str
) -> None:
    found = event(
        time=0,
        correlation_id="id",
        reason="allowed",
        status=200,
        http_method=http_method,
        operation=Operation(method, name),
        identity=None,
        detail=detail,
    )

    assert found.http_method == escape_for_log(http_method)
    assert found.method == escape_for_log(method)
    assert found.name == (None if name is None else escape_for_log(name))
    assert found.detail == escape_for_log(detail)


@given(headers=HEADERS)
def test_headers_read_in_one_pass_equal_the_reference(headers: list[tuple[bytes, bytes]]) -> None:
    found = read_headers(headers)

    count = Counter(name for name, _ in headers)
    assert found.repeated == {name for name, times in count.items() if times > 1}
    assert found.by_name == dict(headers)
