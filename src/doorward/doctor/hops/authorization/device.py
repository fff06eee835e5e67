"""The sign-in on another device."""

import re
from dataclasses import replace

import anyio

from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.evidence.signed_in import SignInView
from doorward.doctor.hops.authorization import token_request
from doorward.doctor.hops.authorization.authorize import resource_of, scope_of
from doorward.doctor.probe.probe import Answer, Probe, Question
from doorward.wire import address

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_USER_CODE = re.compile(r"[A-Za-z0-9-]{1,32}")
_SHORTEST, _MOST_POLLS = 1.0, 60
_ENDED = ("access_denied", "expired_token")
"""What the token endpoint says of the user, and not of the request."""


async def observe(probe: Probe, evidence: Evidence) -> Evidence:
    """
    Return the evidence with the end of a device sign-in.

    Spec: RFC 8628 §3
    """
    scope = scope_of(evidence, probe.plan.scope)
    endpoint = evidence.issuer and evidence.issuer.document.get("device_authorization_endpoint")
    if not isinstance(endpoint, str):
        return _ended(evidence, scope, "no-device-flow")
    form = {"client_id": probe.credentials.client_id or "", "resource": resource_of(evidence)}
    if scope:
        form["scope"] = scope
    begun = await probe.send(
        Question(purpose="device authorization", url=endpoint, method="POST", form=form)
    )
    if not _show(probe, begun):
        return _ended(evidence, scope, begun.exchange.error_code() or begun.exchange.answered)
    return await _poll(probe, evidence, begun, scope)


def _show(probe: Probe, begun: Answer) -> bool:
    code, url = begun.document.get("user_code"), begun.document.get("verification_uri")
    device_code = begun.document.get("device_code")
    if not (isinstance(code, str) and isinstance(url, str) and isinstance(device_code, str)):
        return False
    probe.redactor.hide(code, device_code)
    # The user types both: longer text could be a message of somebody else.
    if not _USER_CODE.fullmatch(code) or address.split(url) is None or probe.plan.show_code is None:
        return False
    probe.plan.show_code(url, code)
    return True


async def _poll(probe: Probe, evidence: Evidence, begun: Answer, scope: str) -> Evidence:
    interval = begun.document.get("interval")
    pause = max(float(interval) if isinstance(interval, int | float) else 5.0, _SHORTEST)
    sleep = probe.plan.sleep or anyio.sleep
    evidence = replace(evidence, sign_in=SignInView(outcome="device", asked_scope=scope))
    form = {"grant_type": GRANT, "device_code": str(begun.document["device_code"])}
    for _ in range(_MOST_POLLS):
        await sleep(pause)
        answer = await token_request.ask(probe, evidence, "token request of the device", form)
        # Waiting is no evidence, and must not use up the requests of the run.
        probe.budget.requests += 1
        error = answer.exchange.error_code()
        if error == "slow_down":
            pause += 5.0
        elif error in _ENDED:
            view = SignInView(outcome="error", error=error, asked_scope=scope)
            return replace(evidence, sign_in=view)
        elif error != "authorization_pending":
            return replace(evidence, token=token_request.keep(probe, evidence, answer))
    return _ended(evidence, scope, "timed-out")


def _ended(evidence: Evidence, scope: str, error: str) -> Evidence:
    view = SignInView(outcome="no answer", error=error, asked_scope=scope)
    return replace(evidence, sign_in=view)
