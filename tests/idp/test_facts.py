"""Each fact about a provider has a source, a date and whether it was verified."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from doorward.errors import ConfigurationError
from doorward.idp import PRESETS, PROVIDERS, Answer, Fact, Preset, find
from doorward.idp.facts import UNSOURCED, Matrix
from doorward.idp.matrix import COLUMNS
from doorward.idp.seed import OUTDATED, SEED
from doorward.idp.sign_in import ProviderSignIn

RECORDED = Path(__file__).parent / "recorded"
each = pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)

# Words of the first table, and the answers that agree with them.
MEANS = {
    "Yes": {Answer.YES},
    "No": {Answer.NO},
    "Kinda": {Answer.PARTLY, Answer.OPT_IN, Answer.EXPERIMENTAL},
}


def sign_in_facts(sign_in: ProviderSignIn) -> Iterator[Fact[str]]:
    yield from (*sign_in.cost, *sign_in.refresh, *sign_in.limits, *sign_in.facts)
    if sign_in.redirect_screen is not None:
        yield sign_in.redirect_screen


def facts_of(preset: Preset) -> Iterator[Fact[Any]]:
    yield preset.discovery
    yield from (preset.claims, *preset.facts)
    if preset.lookup is not None:
        yield preset.lookup
    for quirk in preset.quirks:
        yield from (quirk.fact, quirk.remedy)
    if preset.manual is not None:
        yield from (preset.manual.place, preset.manual.redirect_uris)
    if preset.sign_in is not None:
        yield from sign_in_facts(preset.sign_in)
    if preset.matrix is not None:
        yield from (getattr(preset.matrix, column.key) for column in COLUMNS)


# Those that tests start for real, and measure again whenever they run.
MEASURED_HERE = {"keycloak", "hydra"}


@each
def test_every_fact_says_where_and_when_it_was_read(preset: Preset) -> None:
    for fact in facts_of(preset):
        assert date(2023, 1, 1) <= fact.seen <= date(2026, 12, 31)
        if fact.source.startswith("recorded: "):
            assert (RECORDED / fact.source.removeprefix("recorded: ")).is_file()
        elif fact.source.startswith("measured: "):
            assert preset.name in MEASURED_HERE
        elif fact.source != UNSOURCED.where:
            assert fact.source.startswith("https://")


@each
def test_a_claim_without_a_source_is_marked_as_not_verified(preset: Preset) -> None:
    for fact in facts_of(preset):
        assert not (fact.verified and fact.source == UNSOURCED.where), fact
        assert not (fact.verified and fact.value is Answer.UNKNOWN), fact


@each
def test_facts_and_quirks_are_sentences(preset: Preset) -> None:
    told = [preset.claims, *preset.facts]
    told += [part for quirk in preset.quirks for part in (quirk.fact, quirk.remedy)]
    told += [preset.lookup] if preset.lookup is not None else []
    for fact in told:
        assert fact.value.endswith("."), fact.value
    assert preset.audience.endswith(".")
    for quirk in preset.quirks:
        assert quirk.departs_from


@pytest.mark.parametrize("preset", PROVIDERS, ids=lambda preset: preset.name)
def test_every_provider_says_where_the_callback_url_goes_and_what_it_costs(preset: Preset) -> None:
    sign_in = preset.sign_in
    assert sign_in is not None
    assert sign_in.redirect_screen is not None
    # "At Google: {screen}." in what init prints.
    assert not sign_in.redirect_screen.value.endswith(".")
    assert sign_in.cost
    for fact in (*sign_in.cost, *sign_in.refresh, *sign_in.limits, *sign_in.facts):
        assert fact.value.endswith("."), fact.value


def test_the_columns_are_the_fields_of_a_row_in_the_same_order() -> None:
    assert [column.key for column in COLUMNS] == [field.name for field in fields(Matrix)]


@pytest.mark.parametrize("cell", SEED, ids="-".join)
def test_a_cell_that_contradicts_the_first_table_says_why(cell: tuple[str, str]) -> None:
    name, column = cell
    now: Fact[Answer] = getattr(find(name).matrix, column)

    # A claim that nobody verified does not put another one out of date.
    if now.verified and now.value not in MEANS[SEED[cell]]:
        assert cell in OUTDATED


def test_what_is_out_of_date_is_in_both_tables() -> None:
    assert set(OUTDATED) <= set(SEED)
    assert {name for name, _ in SEED} <= {preset.name for preset in PROVIDERS}


def test_a_provider_is_opaque_when_there_is_nothing_to_read_and_says_how_it_is_looked_up() -> None:
    for preset in PRESETS:
        assert (preset.tokens == "opaque") == (preset.profile is None)
        assert preset.tokens == "jwt" or preset.lookup is not None


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        find("keycloack")

    assert refusal.value.reason == "unknown-provider"
    assert "'keycloak'" in refusal.value.hint
