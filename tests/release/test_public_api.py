"""Which changes of the public API break programs, and that there are none since the last release."""

import pytest

from release.public_api import SNAPSHOT, compare, lines

OLD = [
    "doorward.Guard: class",
    "doorward.Guard(resource): str, by name, required",
    "doorward.Guard.protect() -> ASGIApp",
]


@pytest.mark.parametrize(
    "added",
    [
        "doorward.Gate: class",
        "doorward.Gate(resource): str, by name, required",
        "doorward.Guard(leeway): float, by name, optional",
        "doorward.Guard.close() -> None",
    ],
)
def test_what_is_new_breaks_nothing(added: str) -> None:
    changes = compare(OLD, [*OLD, added])

    assert (changes.breaking, changes.additive) == ((), (f"+ {added}",))


def test_what_is_gone_breaks_programs() -> None:
    assert compare(OLD, OLD[:2]).breaking == (f"- {OLD[2]}",)


def test_another_type_breaks_programs() -> None:
    new = [*OLD[:2], "doorward.Guard.protect() -> None"]

    assert compare(OLD, new).breaking == (f"- {OLD[2]}",)


def test_an_argument_that_becomes_required_breaks_programs() -> None:
    added = "doorward.Guard(issuer): str, by name, required"

    assert compare(OLD, [*OLD, added]).breaking == (f"+ {added}",)


@pytest.mark.slow
def test_nothing_has_broken_since_the_last_release() -> None:
    """
    Undo what breaks. If it must be: put it into the changelog under Changed or Removed, and write
    the API anew (``python -m release.public_api --write``).
    """
    released = SNAPSHOT.read_text("utf-8").splitlines()

    assert compare(released, lines()).breaking == ()
