"""``/register``: dynamic client registration."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from doorward.authserver.client_keys import require_usable_keys
from doorward.authserver.clients.registry import Client
from doorward.authserver.http.responses import json_response, read_body
from doorward.authserver.metadata import registration_policy
from doorward.authserver.services import Services
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.net.client_address import address_key
from doorward.operations.story.notes import note_client
from doorward.wire.oauth.client_metadata import (
    ClientMetadata,
    InvalidClientMetadata,
    parse_registration,
)
from doorward.wire.oauth.scope import build_scope
from doorward.wire.strict_json import NotStrictJson, parse_object

LONGEST_BODY = 16 * 1024
_DEEPEST = 8


class RegistrationEndpoint:
    """
    The registration endpoint. It is open, rate-limited, and unused registrations expire.

    Spec: RFC 7591 §3; OpenID Connect Registration 1.0 §2, §3.2
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._policy = registration_policy(services.settings)

    async def post(self, request: Request) -> Response:
        """Register a client, and return the metadata that was accepted."""
        services = self._services
        limits = services.settings.limits
        peer = address_key(request, services.settings.trusted_proxies)
        # Per address first: an address that exceeds its limit must not use up the limit of all.
        await services.limits.count(limits.registrations_per_address, "register-address", peer)
        await services.limits.count(limits.registrations, "register", "all")
        metadata = await self._read(request)
        client, secret = await services.clients.register(metadata)
        note_client(client.client_id, metadata.client_name)
        services.record_event("client.registered", client_id=client.client_id)
        members = registration_response(client, secret, services.clock())
        if self._policy.id_token_algorithm is not None:
            # Without this member, the default would be RS256.
            members["id_token_signed_response_alg"] = self._policy.id_token_algorithm
        return json_response(members, 201)

    async def _read(self, request: Request) -> ClientMetadata:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise InvalidClientMetadata("Send the metadata as application/json.")
        try:
            document = parse_object(await read_body(request, LONGEST_BODY), deepest=_DEEPEST)
        except NotStrictJson:
            raise InvalidClientMetadata("The body is not a well-formed JSON object.") from None
        metadata = parse_registration(document, self._policy)
        require_usable_keys(metadata)
        return with_known_scopes(metadata, self._services.settings)


def with_known_scopes(metadata: ClientMetadata, settings: AuthServerSettings) -> ClientMetadata:
    """Return the metadata without scopes that no resource has."""
    if metadata.scope is None:
        return metadata
    signs_in = settings.openid_resource
    kept = metadata.scope & (
        settings.known_scopes | (signs_in.scopes.keys() if signs_in else set())
    )
    return ClientMetadata(**{**vars(metadata), "scope": kept or None})


def registration_response(client: Client, secret: str | None, now: float) -> dict[str, Any]:
    """
    Return the client information response; members without a value are left out.

    Spec: RFC 7591 §3.2.1
    """
    metadata = client.metadata
    members: dict[str, Any] = {
        "client_id": client.client_id,
        "client_id_issued_at": int(now),
        **{name: value for name, value in vars(metadata).items() if value is not None},
    }
    if metadata.scope is not None:
        members["scope"] = build_scope(metadata.scope)
    for name in ("redirect_uris", "grant_types", "response_types"):
        members[name] = list(members[name])
    if secret is not None:
        members |= {"client_secret": secret, "client_secret_expires_at": 0}
    return members
