"""What operators watch of an authorization server: what it lacks, its numbers, and its health paths."""

from collections.abc import Iterable
from functools import partial

from starlette.routing import Route

from doorward.authserver.services import Services
from doorward.authserver.upstream.provider_client import ProviderClient
from doorward.operations.endpoints import OperationsEndpoints
from doorward.operations.metrics import Sample
from doorward.operations.readiness import Check, Readiness


class ServerOperations:
    """
    The view of operators on one authorization server.

    ``health`` answers ``/healthz`` and ``/readyz`` at the issuer, if the settings make them public.
    """

    def __init__(self, services: Services, routes: Iterable[Route]) -> None:
        self._services = services
        self.readiness = Readiness(self.checks)
        settings = services.settings
        self.health = OperationsEndpoints(
            self.readiness,
            endpoints=("healthz", "readyz") if settings.public_health else (),
            prefix=settings.prefix,
        )
        paths = {route.path for route in routes}
        self._exact = {path: path for path in paths if "{" not in path}
        self._below = {path.partition("{")[0]: path for path in paths if "{" in path}

    def checks(self) -> list[Check]:
        """
        Return what this server needs: its database, a signing key, and each provider's metadata.

        A provider that fails after it was read once does not take this process out of service:
        refreshes and calls go on without it.
        """
        return [
            Check("database", self._database_problem),
            Check("signing-key", self._signing_key_problem),
            *(
                Check(f"identity-provider:{name}", partial(_provider_problem, provider))
                for name, provider in self._services.providers.items()
            ),
        ]

    async def _database_problem(self) -> str | None:
        state = await self._services.store.schema_state()
        return None if state == "current" else f"schema-{state}"

    async def _signing_key_problem(self) -> str | None:
        return "no-signing-key" if self._services.keys.made_at is None else None

    def samples(self) -> list[Sample]:
        """Return what metrics read at each scrape: the ages of keys, and the connections."""
        services = self._services
        now = services.clock()
        made = {"signing": services.keys.made_at, "sealing": services.sealing_keys.made_at}
        ages = [
            Sample("doorward_key_age_seconds", (key,), now - at)
            for key, at in made.items()
            if at is not None
        ]
        in_use, idle = services.store.connections()
        return [
            *ages,
            Sample("doorward_store_connections", ("in_use",), in_use),
            Sample("doorward_store_connections", ("idle",), idle),
        ]

    def route_of(self, path: str) -> str:
        """Return the route of ``path``, or ``other``: strangers choose paths, and no labels."""
        if (exact := self._exact.get(path)) is not None:
            return exact
        folder, slash, _ = path.rpartition("/")
        return self._below.get(f"{folder}{slash}", "other")


async def _provider_problem(provider: ProviderClient) -> str | None:
    if not provider.was_read:
        await provider.metadata()
    return None
