"""Configuration files as tests write them."""

from collections.abc import Callable
from pathlib import Path

import pytest

SECRET = "Vq3xZ8nB5mK2pR7tW9yC4dF6gH1jL0sA-of-this-test"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Give a function that writes a configuration file, and secrets beside it."""

    def written(text: str, **secrets: str) -> Path:
        for name, secret in secrets.items():
            file = tmp_path / name.replace("_", "-")
            file.touch(0o600)
            file.write_text(secret + "\n")
        file = tmp_path / "doorward.toml"
        file.write_text(text)
        return file

    return written
