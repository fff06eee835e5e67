"""A preset is registered once: by its line in the table of ``doorward.idp.presets``."""

from importlib import import_module
from pathlib import Path

import pytest

from doorward import idp
from doorward.idp import PRESETS, Preset, find, presets

FOLDER = Path(presets.__file__).parent
FILES = sorted(
    ".".join(file.relative_to(FOLDER).with_suffix("").parts)
    for file in FOLDER.rglob("*.py")
    if file.stem != "__init__"
)


@pytest.mark.parametrize("file", FILES)
def test_each_preset_in_a_file_is_in_the_table_and_has_its_public_name(file: str) -> None:
    module = import_module(f"doorward.idp.presets.{file}")
    defined = {name: one for name, one in vars(module).items() if isinstance(one, Preset)}

    assert defined
    for name, preset in defined.items():
        assert preset in PRESETS
        assert getattr(idp, name) is preset
        assert find(preset.name) is preset


def test_no_preset_is_in_the_table_twice() -> None:
    assert len({preset.name for preset in PRESETS}) == len(PRESETS)
