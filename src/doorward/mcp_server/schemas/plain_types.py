"""Types that JSON and Python share, so that a value's own type is all there is to judge."""

from collections.abc import Mapping
from typing import Any

# Not float: in JSON, 1 is one too.
_PLAIN = (int, str, bool)


def plain_type(annotation: Any) -> type | None:
    """Return the type when ``annotation`` is a plain one and says nothing more."""
    return next((one for one in _PLAIN if annotation is one), None)


def plain_types(annotations: Mapping[str, Any]) -> dict[str, type] | None:
    """Return the types of parameters that are all plain, and nothing when one is not."""
    found = {name: plain_type(annotation) for name, annotation in annotations.items()}
    known = {name: one for name, one in found.items() if one is not None}
    return known if len(known) == len(found) else None


def are_plain(values: Mapping[str, Any], types: Mapping[str, type]) -> bool:
    """
    Say whether ``values``, read from JSON, are those of ``types``: no more, no less, no other type.

    Only then; whatever is left out or odd is for a validator, which knows defaults and can say what
    is wrong.
    """
    if values.keys() != types.keys():
        return False
    for name, value in values.items():  # noqa: SIM110 - a generator would cost twice the rest
        if type(value) is not types[name]:
            return False
    return True
