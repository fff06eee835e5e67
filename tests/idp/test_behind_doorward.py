"""The recorded table of providers behind Doorward covers every preset, and says yes everywhere."""

import pytest

from doorward.idp import PROVIDERS, Preset
from doorward.idp.behind_doorward import COLUMNS, record, row_document

# Those that most people have; every client signs in there in `make test`.
NAMED = {"google", "github", "entra", "okta", "auth0", "keycloak"}
EVERYWHERE = {"python-sdk", "fastmcp"}
ALL_CLIENTS = EVERYWHERE | {"typescript-sdk", "mcp-remote", "inspector"}


@pytest.mark.parametrize("preset", PROVIDERS, ids=lambda one: one.name)
def test_each_provider_serves_mcp_clients_behind_doorward(preset: Preset) -> None:
    row = row_document(preset)
    missing = [column.title for column in COLUMNS if not row["cells"][column.key]]
    clients = ALL_CLIENTS if preset.name in NAMED else EVERYWHERE

    assert not missing, f"{preset.name} has no run that shows {missing}: RECORD=1 make test-soak"
    assert clients <= set(row["clients"])


def test_the_record_has_no_provider_that_is_gone() -> None:
    assert set(record()["providers"]) == {preset.name for preset in PROVIDERS}
    assert set(record()["clients"]) == ALL_CLIENTS
