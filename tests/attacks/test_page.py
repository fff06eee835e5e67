"""The page about attacks shows the attacks as they are."""

from tests.attacks import page


def test_the_page_shows_every_attack() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.build(), (
        "docs/attacks.md is old; run: python -m tests.attacks.page"
    )


def test_every_file_has_attacks_and_every_attack_a_source() -> None:
    found = page.attacks()

    assert len(found) >= 40
    assert all(one.sources and one.what.endswith(".") for one in found)
