"""Client authentication at the token, revocation and introspection endpoints."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.requests import Request

from doorward.authserver.client_auth_methods import (
    AUTH_METHODS,
    ClientAuthMethod,
    Credentials,
)
from doorward.authserver.clients.assertions import ClientAssertions
from doorward.authserver.clients.registry import Client
from doorward.authserver.clients.rows import Beside
from doorward.authserver.events import note_facts
from doorward.authserver.refusals import InvalidClient, InvalidRequest
from doorward.authserver.services import Services
from doorward.operations.story.notes import note_client
from doorward.wire.oauth.parameters import Parameters


@dataclass(frozen=True)
class _Proof:
    """The checks of one client's credentials."""

    client: Client
    assertions: ClientAssertions

    async def has_secret(self, secret: str) -> bool:
        return self.client.has_secret(secret)

    async def has_signed(self, assertion: str) -> bool:
        await self.assertions.spend(assertion, self.client.client_id, self.client.metadata)
        return True


def _nothing_beside(_client_id: str) -> None:
    return None


async def authenticate_client(
    request: Request,
    form: Parameters,
    services: Services,
    beside: Callable[[str], Beside | None] = _nothing_beside,
) -> Client:
    """
    Return the authenticated client.

    ``beside`` returns what the statement that finds a client finds too, by the ID of the client.

    Raises:
        InvalidRequest: two methods at once, or no client_id.
        InvalidClient: 401; unknown client, wrong secret and wrong method look alike.
        ClientKeysUnavailable: 503; the client's keys cannot be fetched.

    Spec: RFC 6749 §2.3, §3.2.1, §5.2; OAuth 2.1 §2.4
    """
    method, credentials = read_credentials(request.headers.getlist("authorization"), form)
    # To verify an assertion can take seconds, and what was found before it would be old.
    found_beside = None if method.needs == "keys" else beside(credentials.client_id)
    client = await services.clients.find(credentials.client_id, found_beside)
    note_facts(client_id=client.client_id)
    note_client(client.client_id, client.metadata.client_name)
    registered = client.metadata.token_endpoint_auth_method
    if method.name != registered:
        raise InvalidClient(f"{method.name} used, {registered} is registered")
    if not await method.verify(credentials, _Proof(client, services.client_assertions)):
        raise InvalidClient("wrong secret")
    return client


def read_credentials(
    authorization: Sequence[str], form: Parameters
) -> tuple[ClientAuthMethod, Credentials]:
    """
    Return the one method that a request uses, and the credentials in it.

    Raises:
        InvalidRequest, InvalidClient: as in ``authenticate_client``.
    """
    used = [method for method in AUTH_METHODS if method.is_used(authorization, form)]
    if len(used) != 1 or len(authorization) > 1:
        raise InvalidRequest(
            "two methods of client authentication",
            description="Use one method of client authentication.",
        )
    credentials = used[0].read(authorization, form)
    if form.one("client_id") not in (None, credentials.client_id):
        raise InvalidRequest(
            "two client ids", description="client_id is not the client that authenticates."
        )
    return used[0], credentials
