"""The sign-in on another device: the doctor waits as the issuer says, and shows the code only there."""

import json
from collections.abc import Callable
from urllib.parse import parse_qsl

import httpx2

from doorward.doctor.evidence.redaction import Redactor
from doorward.doctor.hops.authorization.device import GRANT
from doorward.doctor.hops.ladder import LADDER
from doorward.doctor.report.as_json import as_json
from doorward.doctor.report.report import build_report
from doorward.doctor.walk import Examination
from tests.doctor.healthy import plain
from tests.doctor.world import World, codes, examined, json_answer

DEVICE = "https://login.example/device"
TOKEN = "https://login.example/token"


def _world(*answers: str, user_code: str = "WDJB-MJHT") -> World:
    """Return a healthy set-up whose token endpoint gives ``answers`` before it gives the token."""
    world = plain()
    waiting = list(answers)
    for form in ("oauth-authorization-server", "openid-configuration"):
        url = f"https://login.example/.well-known/{form}"
        if ("GET", url) in world.routes:
            world.document(url, lambda told: told.update(device_authorization_endpoint=DEVICE))
    begun = {
        "device_code": "a-device-code-that-is-secret",
        "user_code": user_code,
        "verification_uri": "https://login.example/activate",
        "expires_in": 600,
        "interval": 5,
    }
    world.on("POST", DEVICE, lambda _request: json_answer(begun))
    inner = world.routes["POST", TOKEN]

    def token(request: httpx2.Request) -> object:
        form = dict(parse_qsl(request.content.decode()))
        if form.get("grant_type") != GRANT:
            return inner(request)
        if waiting:
            return json_answer({"error": waiting.pop(0)}, 400)
        return json_answer(world.issuers[world.issuer].tokens(form))

    world.on("POST", TOKEN, token)  # type: ignore[arg-type]
    return world


async def _signed_in(
    world: World, shown: Callable[[str, str], object] = lambda _url, _code: None
) -> tuple[Examination, list[float]]:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    found = await examined(world, sign_in="device", sleep=sleep, show_code=shown)
    return found, waited


async def test_the_doctor_polls_until_the_user_agrees_and_slows_down_when_it_is_told() -> None:
    world = _world("authorization_pending", "slow_down", "authorization_pending")
    shown: list[tuple[str, str]] = []
    found, waited = await _signed_in(world, lambda url, code: shown.append((url, code)))
    assert codes(found) == []
    assert found.reached[-1] == "refresh"
    assert waited == [5.0, 5.0, 10.0, 10.0]
    assert shown == [("https://login.example/activate", "WDJB-MJHT")]


async def test_a_report_has_neither_the_device_code_nor_the_code_of_the_user() -> None:
    found, _ = await _signed_in(_world("authorization_pending"))
    report = build_report(
        found.evidence, found.reached, found.diagnoses, LADDER, Redactor(), found.left_behind
    )
    text = json.dumps(as_json(report, found.evidence.exchanges))
    assert "a-device-code-that-is-secret" not in text
    assert "WDJB-MJHT" not in text


async def test_a_user_who_refuses_on_the_device_ends_the_sign_in() -> None:
    found, _ = await _signed_in(_world("access_denied"))
    assert codes(found) == ["sign-in-refused"]


async def test_a_user_code_that_is_a_sentence_is_not_shown() -> None:
    shown: list[str] = []
    world = _world(user_code="Call +1 555 0100 and read out your password")
    found, _ = await _signed_in(world, lambda _url, code: shown.append(code))
    assert shown == []
    assert codes(found) == ["sign-in-unfinished"]
