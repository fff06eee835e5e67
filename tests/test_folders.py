"""Folders stay small enough to be read at a glance."""

from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "src/doorward"
MOST = 12
# Alembic reads one flat folder of migrations, and one is added with each change of the schema.
GROWS = PACKAGE / "authserver/migrations/versions"


def test_a_folder_has_at_most_a_dozen_modules() -> None:
    modules = (file for file in PACKAGE.rglob("*.py") if file.stem != "__init__")
    folders = Counter(file.parent for file in modules)

    crowded = {
        str(folder.relative_to(PACKAGE)): count for folder, count in folders.items() if count > MOST
    }
    assert crowded == {str(GROWS.relative_to(PACKAGE)): folders[GROWS]}
