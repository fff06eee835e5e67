"""Types that JSON and Python share: the type of a value is all that must be checked."""

from collections.abc import Mapping
from typing import Any

# Not float: in JSON, 1 is a number too.
_PLAIN = (int, str, bool)


def plain_type(annotation: Any) -> type | None:
    """Return ``annotation`` if it is a plain type without constraints."""
    return next((one for one in _PLAIN if annotation is one), None)


def plain_types(annotations: Mapping[str, Any]) -> dict[str, type] | None:
    """Return the types of parameters if all are plain, else ``None``."""
    found = {name: plain_type(annotation) for name, annotation in annotations.items()}
    known = {name: one for name, one in found.items() if one is not None}
    return known if len(known) == len(found) else None


def are_plain(values: Mapping[str, Any], types: Mapping[str, type]) -> bool:
    """
    Say whether ``values``, parsed from JSON, have exactly these names and types.

    Then pydantic would return them unchanged, which a test checks, and is not imported. All other
    values need pydantic, which knows defaults and describes errors.
    """
    if values.keys() != types.keys():
        return False
    for name, value in values.items():  # noqa: SIM110 - a generator expression takes twice as long
        if type(value) is not types[name]:
            return False
    return True
