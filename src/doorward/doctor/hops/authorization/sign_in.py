"""The sign-in of the user: in the browser, with a pasted URL, on a device, or with a given token."""

import secrets
from collections.abc import Mapping
from dataclasses import replace

import anyio.to_thread

from doorward.client.refusals import SignInFailed
from doorward.client.sign_in.browser import require_web_address
from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.evidence.signed_in import SignInView
from doorward.doctor.hops.authorization import device
from doorward.doctor.hops.authorization.authorize import request_parameters, scope_of, with_query
from doorward.doctor.hops.authorization.token_request import exchange_code
from doorward.doctor.hops.hop import Hop
from doorward.doctor.probe.probe import Probe
from doorward.wire.oauth.pkce import challenge_of


async def observe(probe: Probe, evidence: Evidence) -> Evidence:
    """Return the evidence with the end of the sign-in, and with the token if there is one."""
    if probe.plan.sign_in == "token":
        probe.credentials.access_token = probe.plan.token
        return replace(evidence, sign_in=SignInView(outcome="token given"))
    held = probe.credentials
    if probe.plan.client_secret is not None and not _is_issuer_of_secret(probe, evidence):
        view = SignInView(outcome="no answer", error="the secret is of another issuer")
        return replace(evidence, sign_in=view)
    if probe.plan.client_id is not None:
        held.client_id, held.client_secret = probe.plan.client_id, probe.plan.client_secret
        held.auth_method = _auth_method(evidence, held.client_secret)
    return await sign_in_with(probe, evidence, scope_of(evidence, probe.plan.scope))


async def sign_in_with(probe: Probe, evidence: Evidence, scope: str) -> Evidence:
    """Return the evidence with the end of a sign-in that asks for ``scope``."""
    # A person takes as long as it takes.
    probe.budget.pause()
    try:
        if probe.plan.sign_in == "device":
            return await device.observe(probe, evidence)
        return await _in_browser(probe, evidence, scope)
    finally:
        probe.budget.start()


async def _in_browser(probe: Probe, evidence: Evidence, scope: str) -> Evidence:
    assert evidence.issuer is not None
    held, receiver = probe.credentials, probe.credentials.receiver
    assert receiver is not None
    assert held.client_id is not None
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    probe.redactor.hide(state, verifier)
    parameters = request_parameters(
        evidence,
        held.client_id,
        receiver.redirect_uri,
        state=state,
        challenge=challenge_of(verifier),
        scope=scope,
    )
    url = with_query(str(evidence.issuer.document["authorization_endpoint"]), parameters)
    receiver.expect(state)
    try:
        assert probe.plan.open_url is not None
        await anyio.to_thread.run_sync(
            probe.plan.open_url, require_web_address(url), abandon_on_cancel=True
        )
        answer = await receiver.answer(state, probe.plan.timeout)
    except SignInFailed as refusal:
        return replace(
            evidence,
            sign_in=SignInView(outcome="no answer", error=refusal.reason, asked_scope=scope),
        )
    view = _view(probe, evidence, answer, scope)
    evidence = replace(evidence, sign_in=view)
    # A code from another issuer must not be sent to this one, and a client would not either.
    if view.outcome != "code" or view.iss not in (None, evidence.issuer and evidence.issuer.issuer):
        return evidence
    return await exchange_code(probe, evidence, answer["code"], verifier)


def _view(probe: Probe, evidence: Evidence, answer: Mapping[str, str], scope: str) -> SignInView:
    assert evidence.issuer is not None
    announced = evidence.issuer.document.get("authorization_response_iss_parameter_supported")
    probe.redactor.hide(answer.get("code"))
    return SignInView(
        outcome="code" if answer.get("code") else "error",
        error=probe.redactor.text(answer.get("error", ""), 60),
        text=probe.redactor.text(answer.get("error_description", "")),
        iss=answer.get("iss"),
        iss_announced=announced is True,
        asked_scope=scope,
    )


def _is_issuer_of_secret(probe: Probe, evidence: Evidence) -> bool:
    # The MCP server chooses the issuer, and a malicious one would name its own.
    return evidence.issuer is not None and evidence.issuer.issuer == probe.plan.issuer


def _auth_method(evidence: Evidence, secret: str | None) -> str:
    if secret is None:
        return "none"
    assert evidence.issuer is not None
    offered = evidence.issuer.document.get("token_endpoint_auth_methods_supported")
    only_post = isinstance(offered, list) and "client_secret_basic" not in offered
    return "client_secret_post" if only_post else "client_secret_basic"


def _is_reached(evidence: Evidence) -> bool:
    if evidence.sign_in_kind == "none" or evidence.endpoint is None:
        return False
    if evidence.sign_in_kind == "token":
        return True
    # Where the same request is refused without a session, a person would only meet the error page.
    own = evidence.authorize.of("given", "registered") if evidence.authorize else None
    waits = ("login_required", "interaction_required", "consent_required")
    return own is not None and (own.outcome == "continues" or own.error in waits)


HOP = Hop("sign-in", "Sign-in", "waiting for you to sign in", _is_reached, observe)
