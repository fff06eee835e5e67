"""Gets a client id at an issuer, in the ways that a client knows."""

from dataclasses import dataclass, field
from typing import Any

from doorward.idp.clients import ConnectionFacts
from doorward.idp.clients.client import RegistrationWay
from doorward.net.client_authentication import CLIENT_AUTH_METHODS, ClientCredential
from doorward.testing.in_process.documents import key_at
from doorward.testing.personas.discovery import Found
from doorward.testing.personas.http import PersonaHttp, object_in

EPHEMERAL_PORT = 53682
"""The port of listeners that have another one each time: a number that no one registers."""


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A client at an issuer: its id, how it got the id, and how it authenticates."""

    way: RegistrationWay
    credential: ClientCredential = field(repr=False)
    auth_method: str = "none"
    redirect_uri: str

    def authenticated(
        self, form: dict[str, str], issuer: str, now: float
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return ``form`` with this client's credential, and the headers that go with it."""
        return CLIENT_AUTH_METHODS[self.auth_method].apply(self.credential, form, issuer, now)


def redirect_uri_of(facts: ConnectionFacts) -> str:
    """Return the redirect URI of one sign-in."""
    return facts.redirect_uri.value.replace("{port}", str(EPHEMERAL_PORT))


async def register(
    http: PersonaHttp, found: Found, scopes: tuple[str, ...], arranged: ClientCredential | None
) -> Registered:
    """
    Return the client; ``arranged`` is one that was registered by hand.

    Raises:
        PersonaFailed: at ``registration``.
    """
    facts, metadata = http.facts, found.metadata
    http.trace.start("registration")
    uri = redirect_uri_of(facts)
    if arranged is not None:
        secret = arranged.client_secret is not None
        registered = Registered(
            way="pre-registered",
            credential=arranged,
            auth_method=_with_secret(metadata) if secret else "none",
            redirect_uri=uri,
        )
    elif facts.document is not None and metadata.get("client_id_metadata_document_supported"):
        registered = _by_document(dict(facts.document.value), metadata, uri)
    elif "registered" in facts.registration.value and metadata.get("registration_endpoint"):
        registered = await _by_request(http, metadata, scopes, uri)
    else:
        raise http.trace.failure(
            "the issuer has no way to register that it knows. It knows: "
            f"{', '.join(facts.registration.value)}.",
            facts.registration,
        )
    http.trace.finish(f"the client is {registered.way}")
    return registered


def _by_document(document: dict[str, Any], metadata: dict[str, Any], uri: str) -> Registered:
    method = document.get("token_endpoint_auth_method", "none")
    offered = metadata.get("token_endpoint_auth_methods_supported") or ("none",)
    if method not in offered:
        method = "none"
    key = key_at(document["jwks_uri"]) if method == "private_key_jwt" else None
    return Registered(
        way="document",
        credential=ClientCredential(client_id=document["client_id"], private_key=key),
        auth_method=method,
        redirect_uri=uri,
    )


async def _by_request(
    http: PersonaHttp, metadata: dict[str, Any], scopes: tuple[str, ...], uri: str
) -> Registered:
    facts = http.facts
    asked = _request(facts, metadata, scopes)
    response = await http.oauth("POST", str(metadata["registration_endpoint"]), json=asked)
    answer = object_in(response) or {}
    client_id = answer.get("client_id")
    if response.status_code not in (200, 201) or not isinstance(client_id, str):
        raise http.trace.failure(
            f"the issuer answered {response.status_code}{_error(answer)} to its registration, "
            "expected 201 with a client_id.",
            facts.registration_request,
        )
    secret = answer.get("client_secret")
    default = "client_secret_basic" if secret else "none"
    return Registered(
        way="registered",
        credential=ClientCredential(client_id=client_id, client_secret=secret),
        # The response decides, not the request.
        auth_method=str(answer.get("token_endpoint_auth_method") or default),
        redirect_uri=uri,
    )


def _request(
    facts: ConnectionFacts, metadata: dict[str, Any], scopes: tuple[str, ...]
) -> dict[str, Any]:
    request = dict(facts.registration_request.value)
    port = str(EPHEMERAL_PORT)
    request["redirect_uris"] = [one.replace("{port}", port) for one in request["redirect_uris"]]
    offered = metadata.get("grant_types_supported")
    if offered is not None:
        needed = ("authorization_code", "refresh_token", *offered)
        request["grant_types"] = [one for one in request["grant_types"] if one in needed]
    return {**request, "scope": " ".join(scopes)} if scopes else request


def _with_secret(metadata: dict[str, Any]) -> str:
    offered = metadata.get("token_endpoint_auth_methods_supported") or ("client_secret_basic",)
    known = ("client_secret_basic", "client_secret_post")
    return next((one for one in known if one in offered), known[0])


def _error(answer: dict[str, Any]) -> str:
    return f" {answer['error']!r}" if isinstance(answer.get("error"), str) else ""
