"""A test that fails when a tool becomes reachable by more people: ``pytest examples``."""

from pathlib import Path

from examples.protect_fastapi import guard

from doorward.testing.permissions import assert_permissions_unchanged


def test_nobody_new_gets_in() -> None:
    """Compare with the file that was accepted last."""
    assert_permissions_unchanged(guard, Path(__file__).parent / "permissions.json")
