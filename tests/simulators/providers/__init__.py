"""Every simulated provider; a new one is imported here and found by its kind."""

from tests.simulators.facts import SimulatedProvider
from tests.simulators.providers import (
    developer_platforms,
    google,
    hosted,
    microsoft,
    plain_oauth,
    self_hosted,
    social,
)

_MODULES = (google, plain_oauth, microsoft, hosted, developer_platforms, self_hosted, social)

SIMULATED: dict[str, SimulatedProvider] = {
    one.name: one
    for module in _MODULES
    for one in vars(module).values()
    if isinstance(one, SimulatedProvider)
}
"""By name; several can be of one kind."""


def simulators_of(kind: str) -> list[SimulatedProvider]:
    """
    Return the simulated providers of a kind.

    Raises:
        LookupError: there is none; it says what to add.
    """
    found = [one for one in SIMULATED.values() if one.kind == kind]
    if not found:
        raise LookupError(
            f"No simulator exists for the preset {kind!r}. Add SimulatedProvider(kind={kind!r}, …) "
            "to a file in tests/simulators/providers, from the provider's own documents."
        )
    return found
