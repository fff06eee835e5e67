"""Requests to the token endpoint."""

import time
from collections.abc import Mapping
from dataclasses import replace

from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.evidence.exchange import Exchange
from doorward.doctor.evidence.signed_in import TokenView
from doorward.doctor.hops.authorization.authorize import resource_of
from doorward.doctor.probe.probe import Answer, Probe, Question
from doorward.net.client_authentication import CLIENT_AUTH_METHODS, ClientCredential


async def exchange_code(probe: Probe, evidence: Evidence, code: str, verifier: str) -> Evidence:
    """
    Return the evidence with the answer to the exchange of ``code``.

    Spec: RFC 6749 §4.1.3; RFC 7636 §4.5; RFC 8707 §2.2
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": probe.credentials.redirect_uri,
        "code_verifier": verifier,
        "resource": resource_of(evidence),
    }
    answer = await ask(probe, evidence, "token request", form)
    return replace(evidence, token=keep(probe, evidence, answer))


async def ask(probe: Probe, evidence: Evidence, purpose: str, form: Mapping[str, str]) -> Answer:
    """Return the answer of the token endpoint to ``form``, with the client's authentication."""
    assert evidence.issuer is not None
    held = probe.credentials
    url = str(evidence.issuer.document["token_endpoint"])
    credential = ClientCredential(client_id=held.client_id or "", client_secret=held.client_secret)
    method = CLIENT_AUTH_METHODS.get(held.auth_method)
    if method is None or not method.has_what_it_needs(credential):
        method = CLIENT_AUTH_METHODS["none"]
    full, headers = method.apply(credential, form, evidence.issuer.issuer, time.time())
    probe.redactor.hide(*(full.get(name) for name in ("code", "code_verifier", "refresh_token")))
    return await probe.send(
        Question(purpose=purpose, url=url, method="POST", form=full, headers=headers)
    )


def keep(probe: Probe, evidence: Evidence, answer: Answer) -> TokenView:
    """Keep the tokens in ``answer``, and return what it says without them."""
    told, held = answer.document, probe.credentials
    access, refresh = told.get("access_token"), told.get("refresh_token")
    issued = answer.exchange.status == 200 and isinstance(access, str)
    if issued:
        held.access_token = str(access)
        held.refresh_token = refresh if isinstance(refresh, str) else held.refresh_token
    probe.redactor.hide(
        *(
            told[name]
            for name in ("access_token", "refresh_token", "id_token")
            if isinstance(told.get(name), str)
        )
    )
    scope, lifetime = told.get("scope"), told.get("expires_in")
    return TokenView(
        exchange=answer.exchange,
        is_issued=issued,
        client="given" if probe.plan.client_id else "registered",
        auth_method=held.auth_method,
        asked_scope=evidence.sign_in.asked_scope if evidence.sign_in else "",
        granted_scope=scope if isinstance(scope, str) else None,
        token_type=str(told.get("token_type", ""))[:40],
        expires_in=float(lifetime) if isinstance(lifetime, int | float) else None,
        has_refresh_token=isinstance(refresh, str),
    )


async def refresh(probe: Probe, evidence: Evidence, purpose: str, token: str) -> Answer:
    """
    Return the answer to a refresh with ``token``.

    Spec: RFC 6749 §6; RFC 8707 §2.2
    """
    form = {
        "grant_type": "refresh_token",
        "refresh_token": token,
        "resource": resource_of(evidence),
    }
    answer = await ask(probe, evidence, purpose, form)
    told = answer.document
    probe.redactor.hide(
        *(
            told[name]
            for name in ("access_token", "refresh_token", "id_token")
            if isinstance(told.get(name), str)
        )
    )
    return answer


async def revoke(probe: Probe, evidence: Evidence) -> Exchange | None:
    """
    Revoke the tokens of the run; return the answer, or ``None`` if the issuer has no endpoint for it.

    Spec: RFC 7009 §2.1
    """
    endpoint = evidence.issuer and evidence.issuer.document.get("revocation_endpoint")
    held = probe.credentials
    token = held.refresh_token or held.access_token
    if not isinstance(endpoint, str) or token is None or probe.plan.sign_in == "token":
        return None
    form = {"token": token, "client_id": held.client_id or ""}
    answer = await probe.send(
        Question(purpose="revoke the tokens", url=endpoint, method="POST", form=form)
    )
    return answer.exchange
