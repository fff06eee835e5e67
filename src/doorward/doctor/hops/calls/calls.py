"""The first calls with the token, in both eras."""

from dataclasses import replace

from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.evidence.signed_in import CallsView
from doorward.doctor.hops import messages
from doorward.doctor.hops.calls.token_contents import HOP as CONTENTS
from doorward.doctor.hops.hop import Hop
from doorward.doctor.probe.probe import Answer, Probe


async def observe(probe: Probe, evidence: Evidence) -> Evidence:
    """Return the evidence with ``initialize`` and the lists of tools; calls no tool."""
    url, token = evidence.target, probe.credentials.access_token
    begun = await probe.send(messages.initialize("initialize with the token", url, token=token))
    session = begun.headers.get("mcp-session-id")
    probe.credentials.session = session
    probe.redactor.hide(session)
    tools = None
    if begun.exchange.status == 200:
        version = _version(begun)
        await probe.send(
            messages.legacy(
                "initialized", url, "notifications/initialized", {},
                session=session, version=version, token=token,
            )
        )  # fmt: skip
        tools = await list_tools(probe, url, "tools/list with the token", version)
    modern = await probe.send(
        messages.modern("tools/list of 2026-07-28 with the token", url, "tools/list", token=token)
    )
    view = CallsView(
        initialize=begun.exchange,
        tools=tools.exchange if tools else None,
        modern=modern.exchange,
        has_session=session is not None,
    )
    return replace(evidence, calls=view)


async def list_tools(
    probe: Probe, url: str, purpose: str, version: str = messages.LEGACY
) -> Answer:
    """Return the list of tools, in the session of the run if there is one."""
    held = probe.credentials
    return await probe.send(
        messages.legacy(
            purpose, url, "tools/list", {},
            session=held.session, version=version, token=held.access_token,
        )
    )  # fmt: skip


def _version(begun: Answer) -> str:
    result = begun.document.get("result")
    version = result.get("protocolVersion") if isinstance(result, dict) else None
    return version if isinstance(version, str) and version.isascii() else messages.LEGACY


HOP = Hop("calls", "First calls", "calling with the token", CONTENTS.is_reached, observe)
