"""Identity providers: dated facts and presets as data, and a probe that measures a live one."""

from difflib import get_close_matches

from doorward.errors import ConfigurationError
from doorward.idp.facts import Answer as Answer
from doorward.idp.facts import Fact as Fact
from doorward.idp.facts import Matrix as Matrix
from doorward.idp.facts import Quirk as Quirk
from doorward.idp.preset import Preset as Preset

# Re-exports every preset by name, so that a new one is registered in the table alone.
from doorward.idp.presets import *  # noqa: F403
from doorward.idp.presets import PRESETS as PRESETS

PROVIDERS: tuple[Preset, ...] = tuple(preset for preset in PRESETS if preset.matrix is not None)
"""The presets of providers, in the order of the table."""


def find(name: str) -> Preset:
    """
    Return the preset called ``name``, by its name or one of its aliases.

    Raises:
        ConfigurationError: ``unknown-provider``.
    """
    known = {each: preset for preset in PRESETS for each in (*preset.aliases, preset.name)}
    wanted = name.lower()
    found = known.get(wanted)
    if found is None:
        near = get_close_matches(wanted, known, n=1) or [
            each for each in known if wanted and (wanted in each or each in wanted)
        ]
        raise ConfigurationError(
            "unknown-provider",
            f"No identity provider is called {name!r} here.",
            f"Did you mean {known[near[0]].name!r}?"
            if near
            else "To see all names, run: doorward idp table",
        )
    return found
