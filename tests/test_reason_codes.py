"""Every reason code is unique, documented, and raised by something."""

import re
from collections import Counter, defaultdict
from pathlib import Path

from docs.making import reason_codes
from docs.making.reason_codes import SOURCE, HttpCode, Reason

from doorward.client.refusals import ClientRefused
from doorward.errors import ConfigurationError, DoorwardError

PAGE = (Path(__file__).parents[1] / "docs" / "reasons.md").read_text("utf-8")
KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# The client repeats what the server said, with the server's own code.
REPEATED_BY_THE_CLIENT = {"not-permitted", "invalid-client"}


def test_a_code_of_an_http_answer_belongs_to_one_class_and_so_to_one_status() -> None:
    count = Counter(kind.code for kind in reason_codes.error_classes() if "code" in vars(kind))

    assert [code for code, times in count.items() if times > 1] == []
    for one in reason_codes.http_codes():
        assert "code" in vars(one.kind), f"{one.kind.__name__} shares the code of its base"
        assert 400 <= one.kind.status < 600, one.code


def test_a_reason_belongs_to_start_up_or_to_the_client_and_to_no_http_answer() -> None:
    families: dict[str, set[type[DoorwardError]]] = defaultdict(set)
    for one in reason_codes.reasons():
        root = next(
            (r for r in (ConfigurationError, ClientRefused) if issubclass(one.kind, r)), None
        )
        families[one.code].add(root or one.kind)
    http = {one.code for one in reason_codes.http_codes()}

    assert {code: kinds for code, kinds in families.items() if len(kinds) > 1} == {}
    assert families.keys() & http == REPEATED_BY_THE_CLIENT


def test_every_code_is_documented_with_what_happened_and_what_to_do() -> None:
    entries: list[HttpCode | Reason] = [*reason_codes.http_codes()]
    entries += [one for one in reason_codes.reasons() if hasattr(one.kind, "hint") or one.hint]
    for one in entries:
        assert KEBAB.fullmatch(one.code), one.code
        assert f"### {one.code}\n" in PAGE, one.code
    for answer in reason_codes.http_codes():
        assert answer.happened, answer.code
        assert answer.kind.hint.endswith("."), answer.code
        assert len(answer.kind.hint.split()) <= 20, answer.kind.hint


def test_every_code_of_an_http_answer_is_raised_by_something() -> None:
    assert [one.code for one in reason_codes.http_codes() if not one.raised] == []


def test_every_reason_that_a_docstring_promises_is_raised() -> None:
    raised = {one.code for one in reason_codes.reasons()}
    promised = re.compile(
        r"ConfigurationError: (?:with reason )?((?:``[a-z-]+``(?:, | or |, or )?)+)"
    )
    for path in SOURCE.rglob("*.py"):
        text = re.sub(r"\s+", " ", path.read_text("utf-8"))
        for found in promised.findall(text):
            missing = set(re.findall(r"``([a-z]+-[a-z-]+)``", found)) - raised
            assert not missing, f"{path.relative_to(SOURCE)} promises {missing}"
