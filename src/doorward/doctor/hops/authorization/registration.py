"""Registration: the ways to a client id, without leaving one behind."""

from dataclasses import replace

from doorward.doctor.evidence.before_sign_in import RegistrationView
from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.evidence.exchange import Exchange
from doorward.doctor.hops.authorization.authorize import can_authorize
from doorward.doctor.hops.authorization.registered_client import register, unregister
from doorward.doctor.hops.hop import Hop
from doorward.doctor.probe.probe import Probe, Question
from doorward.idp.probe.attempts import NEARLY_VALID_REGISTRATION


async def observe(probe: Probe, evidence: Evidence) -> Evidence:
    """
    Return the evidence with the ways that the issuer offers.

    Sends nothing that a server could register. Only a sign-in that the user asked for needs a real
    registration.

    Spec: RFC 7591 §3; RFC 7592 §2.3
    """
    assert evidence.issuer is not None
    document = evidence.issuer.document
    endpoint = document.get("registration_endpoint")
    methods = document.get("token_endpoint_auth_methods_supported")
    view = RegistrationView(
        endpoint=endpoint if isinstance(endpoint, str) else None,
        documents=document.get("client_id_metadata_document_supported") is True,
        auth_methods=tuple(map(str, methods)) if isinstance(methods, list) else None,
    )
    if isinstance(endpoint, str):
        view = replace(view, refused=await _refused(probe, endpoint, evidence.issuer.issuer))
        if _needs_client(probe) and can_authorize(evidence):
            view = replace(view, registered=await register(probe, endpoint))
    return replace(evidence, registration=view)


async def _refused(probe: Probe, endpoint: str, issuer: str) -> tuple[Exchange, ...]:
    """
    Return the answers to a registration that is no JSON, so that no server can register anything.

    A server that lets in administrators alone refuses it for that reason. Keycloak reads a request
    before its policies decide, so it gets a second one: with a redirect URI that it never accepts.
    """
    purpose = "registration that must be refused"
    headers = {"Content-Type": "application/json"}
    malformed = Question(
        purpose=purpose, url=endpoint, method="POST", headers=headers, content=b"{"
    )
    tries = [(await probe.send(malformed)).exchange]
    if "/realms/" in issuer and tries[0].status == 400:
        question = Question(
            purpose=purpose, url=endpoint, method="POST", json=dict(NEARLY_VALID_REGISTRATION)
        )
        answer = await probe.send(question)
        tries.append(answer.exchange)
        if answer.exchange.status in (200, 201):
            await unregister(probe, endpoint, answer)
    return tuple(tries)


def _needs_client(probe: Probe) -> bool:
    return probe.plan.sign_in in ("browser", "paste", "device") and probe.plan.client_id is None


def _is_reached(evidence: Evidence) -> bool:
    return evidence.issuer is not None and bool(evidence.issuer.document)


HOP = Hop("registration", "Registration", "asking how clients register", _is_reached, observe)
