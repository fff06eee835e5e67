"""The token endpoint."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from doorward.authserver.clients.registry import Client
from doorward.authserver.clients.rows import Beside
from doorward.authserver.events import note_facts
from doorward.authserver.http.responses import json_response
from doorward.authserver.refusals import (
    InvalidRequest,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from doorward.authserver.services import Services
from doorward.authserver.token.client_authentication import authenticate_client
from doorward.authserver.token.client_request import failures_limited, read_request
from doorward.authserver.token.grant_types import GrantType, enabled_grant_types
from doorward.operations.story.hop import Step
from doorward.operations.story.notes import note_parameters, note_step
from doorward.wire.oauth.parameters import Parameters

# Other grants are no sign-in of a person.
_STEPS: dict[str, Step] = {"authorization_code": "token", "refresh_token": "refresh"}


class TokenEndpoint:
    """
    The token endpoint.

    Spec: OAuth 2.1 §3.2, §4.1.3, §4.3
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._grant_types = enabled_grant_types(services.settings)

    async def post(self, request: Request) -> Response:
        """Return tokens for a code, a refresh token or another grant."""
        services = self._services
        async with failures_limited(services, request):
            form = await read_request(request)
            note_parameters(form)
            grant_type = form.one("grant_type") or ""
            if grant_type in self._grant_types:
                # Only a name of the table: strangers must not choose the labels of a metric.
                note_facts(grant_type=grant_type)
                note_step(_STEPS.get(grant_type))
            await services.keys.rotate_if_due()
            services.cleanup.start_if_due()
            presented = _Presented(services, form, self._grant_types.get(grant_type))
            client = await authenticate_client(request, form, services, presented.find)
            answer = await self._grant(client, form, presented.beside)
        await services.clients.touch(client)
        services.record_event(
            "token.issued",
            client_id=client.client_id,
            grant_type=grant_type,
            scope=answer.get("scope", ""),
        )
        return json_response(answer)

    async def _grant(
        self, client: Client, form: Parameters, beside: Beside | None
    ) -> dict[str, Any]:
        name = form.one("grant_type")
        if name is None:
            raise InvalidRequest("no grant_type", description="grant_type is missing.")
        grant_type = self._grant_types.get(name)
        if grant_type is None:
            raise UnsupportedGrantType(f"grant_type {name[:80]!r}")
        if not grant_type.may_use(self._services.settings, client):
            raise UnauthorizedClient(f"the client may not use {name}")
        return await grant_type.handle(self._services, client, form, beside)


class _Presented:
    """What a request presents for its grant: it is found with the client."""

    def __init__(self, services: Services, form: Parameters, grant_type: GrantType | None) -> None:
        self._services = services
        self._form = form
        self._grant_type = grant_type
        self.beside: Beside | None = None

    def find(self, client_id: str) -> Beside | None:
        """Return what is to be found with that client, and keep it."""
        if self._grant_type is not None:
            self.beside = self._grant_type.beside(self._services, client_id, self._form)
        return self.beside
