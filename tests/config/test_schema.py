"""The published JSON Schema and the reader accept and refuse the same files."""

import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from doorward.config.reading import fields
from doorward.config.reading.schema import schema, schema_text
from doorward.config.reading.tables import walk
from tests.config.test_reading import ALONE, BAD, MINIMAL, PROVIDER, WHOLE

ROOT = Path(__file__).parents[2]
VALIDATOR = Draft202012Validator(schema())
# The reasons that a schema can see: names and types, and nothing of what the values mean.
_SEEN = {
    "unknown-setting",
    "secret-in-file",
    "missing-setting",
    "malformed-setting",
    "empty-setting",
    "unknown-choice",
}
# A schema cannot tell a number from a date, which TOML has and JSON has not.
_UNSEEN = {"a date without a zone"}


def test_the_published_schema_matches_the_settings() -> None:
    packaged = files("doorward.config").joinpath("doorward.schema.json").read_text("utf-8")

    assert packaged == schema_text()
    assert (ROOT / "docs" / "doorward.schema.json").read_text("utf-8") == schema_text()
    Draft202012Validator.check_schema(schema())


def test_the_schema_contains_every_setting() -> None:
    text = schema_text()

    for path, setting in walk(fields.FILE):
        for name in setting.names:
            assert f'"{name}": {{' in text, path


@pytest.mark.parametrize(
    "text",
    [
        *(WHOLE, MINIMAL, ALONE, PROVIDER),
        (ROOT / "examples" / "doorward.toml").read_text("utf-8"),
        (ROOT / "examples" / "gateway.toml").read_text("utf-8"),
    ],
    ids=["whole", "minimal", "alone", "provider", "example", "gateway"],
)
def test_a_valid_file_fits_the_schema(text: str) -> None:
    # An editor gives a date to the schema as text.
    document = tomllib.loads(text.replace("2026-11-30T12:00:00Z", '"2026-11-30T12:00:00Z"'))

    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


@pytest.mark.parametrize(
    "text",
    [text for name, (text, reason, *_) in BAD.items() if reason in _SEEN and name not in _UNSEEN],
    ids=[name for name, (_, reason, *_) in BAD.items() if reason in _SEEN and name not in _UNSEEN],
)
def test_a_file_with_a_wrong_name_or_type_does_not_fit_the_schema(text: str) -> None:
    document = tomllib.loads(text.replace("inf\n", "-1\n"))

    assert not VALIDATOR.is_valid(document)
