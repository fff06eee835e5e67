"""The doctor's own client at an issuer: registered for a sign-in, and deleted again."""

from typing import Any

from doorward.doctor.evidence.exchange import Exchange
from doorward.doctor.probe.probe import Answer, Probe, Question
from doorward.wire import address


async def register(probe: Probe, endpoint: str) -> Exchange:
    """
    Return the answer to a registration like that of a client on a desktop.

    Spec: RFC 7591 §2, §3
    """
    registration: dict[str, Any] = {
        "client_name": "doorward doctor (delete me)",
        "redirect_uris": [probe.credentials.redirect_uri],
        "application_type": "native",
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
    }
    if probe.plan.sign_in == "device":
        registration["grant_types"].append("urn:ietf:params:oauth:grant-type:device_code")
    answer = await probe.send(
        Question(purpose="registration", url=endpoint, method="POST", json=registration)
    )
    if answer.exchange.status in (200, 201):
        _keep(probe, endpoint, answer)
    return answer.exchange


def _keep(probe: Probe, endpoint: str, answer: Answer) -> None:
    client_id, secret = answer.document.get("client_id"), answer.document.get("client_secret")
    if not isinstance(client_id, str):
        return
    held = probe.credentials
    held.client_id = client_id
    held.client_secret = secret if isinstance(secret, str) else None
    probe.redactor.hide(held.client_secret)
    # The answer decides, not the request.
    method = answer.document.get("token_endpoint_auth_method")
    fallback = "client_secret_basic" if held.client_secret else "none"
    held.auth_method = method if isinstance(method, str) else fallback
    held.management = _management(probe, endpoint, answer)


async def unregister(probe: Probe, endpoint: str, answer: Answer) -> None:
    """
    Delete what ``answer`` registered; what cannot be deleted is reported.

    Spec: RFC 7592 §2.3
    """
    client = str(answer.document.get("client_id", "without a client_id"))[:200]
    await _delete(probe, client, _management(probe, endpoint, answer))


async def unregister_own(probe: Probe) -> None:
    """Delete the client that the doctor registered for its sign-in, if any."""
    held = probe.credentials
    if held.client_id is not None and probe.plan.client_id is None:
        await _delete(probe, held.client_id, held.management)


async def _delete(probe: Probe, client: str, management: tuple[str, str] | None) -> None:
    if management is not None:
        place, token = management
        answer = await probe.send(
            Question(purpose="delete the registration", url=place, method="DELETE", token=token)
        )
        if answer.exchange.status in (200, 204):
            return
    probe.credentials.left_behind.append(
        f"The issuer offers no way to delete the client {client}, which was registered."
    )


def _management(probe: Probe, endpoint: str, answer: Answer) -> tuple[str, str] | None:
    place = answer.document.get("registration_client_uri")
    token = answer.document.get("registration_access_token")
    if not isinstance(place, str) or not isinstance(token, str) or address.split(place) is None:
        return None
    probe.redactor.hide(token)
    # Only at the origin that created the client: another origin must not get the token.
    return (place, token) if address.origin_of(place) == address.origin_of(endpoint) else None
