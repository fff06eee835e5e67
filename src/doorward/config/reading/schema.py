"""The JSON Schema of a configuration file, which editors complete and check it with."""

import json

from doorward.config.reading.fields import FILE
from doorward.config.reading.kinds import Schema


def schema() -> Schema:
    """Return the JSON Schema of a configuration file, made of the table that the reader follows."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The configuration file of doorward serve",
        **FILE.schema(),
    }


def schema_text() -> str:
    """Return the schema as the text of a file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
