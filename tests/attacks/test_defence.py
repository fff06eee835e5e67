"""A defence is removed for one test, in every place that uses it."""

import pytest

from doorward.wire.oauth import redirect_uri
from doorward.wire.oauth.redirect_uri import matches
from tests.attacks.attack import Defence

HERE = "doorward.wire.oauth.redirect_uri:matches"


def test_the_condition_is_gone_where_the_function_was_imported_too() -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        Defence(HERE, {"if registered == requested:": "if True:"}).remove(monkeypatch)

        assert matches("https://a.example/", "https://b.example/")
        assert redirect_uri.matches("https://a.example/", "https://b.example/")

    assert not matches("https://a.example/", "https://b.example/")


def test_a_condition_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="has not got"):
        Defence(HERE, {"if registered is requested:": "if True:"}).remove(monkeypatch)


def test_the_file_of_a_defence_is_known() -> None:
    assert Defence(HERE, {}).file == "src/doorward/wire/oauth/redirect_uri.py"
