"""The check after a start: what a process serves beside what arrives at its public address."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from doorward.audit import escape_for_log
from doorward.authserver import AuthServerSettings
from doorward.config.service.running import Service
from doorward.doctor.findings.finding import Severity
from doorward.doctor.inside import check
from doorward.doctor.report.report import filled
from doorward.doctor.rules.judge import Diagnosis
from doorward.guard import Guard
from doorward.wire.asgi import ASGIApp, Message, Receive, Scope, Send

WAIT = 10.0
"""Seconds after the start: a balancer first has to learn that this process is ready."""

DIFFERS = "public-address.differs"
UNCHECKED = "public-check.failed"

Report = Callable[[str, dict[str, str]], None]
Wait = Callable[[float], Awaitable[None]]


def checked_at_start(
    app: ASGIApp,
    guard: Guard,
    authorization_server: AuthServerSettings | None = None,
    *,
    wait: Wait = asyncio.sleep,
) -> ASGIApp:
    """
    Return ``app``, which after its start checks ``guard`` as ``doorward.doctor.inside.check`` does.

    Each finding becomes a warning in the log, with its code. The check runs beside the requests, and
    nothing that it finds, or fails at, stops the application. Needs a server with lifespan events.
    """
    log = structlog.get_logger("doorward.doctor")

    def report(event: str, facts: dict[str, str]) -> None:
        log.warning(event, **facts)

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        tasks: list[asyncio.Task[None]] = []

        async def started(message: Message) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                checking = report_differences([(guard, authorization_server)], report, wait)
                tasks.append(asyncio.create_task(checking))

        try:
            await app(scope, receive, started)
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    return checked


async def check_service(service: Service, wait: Wait = asyncio.sleep) -> None:
    """Check each MCP server of a configuration that is served, and log what differs."""
    events, running = service.operations.events, service.current
    own = None if running.authserver is None else running.authserver.settings

    def report(event: str, facts: dict[str, str]) -> None:
        events.line(event, time.time(), **facts)

    await report_differences([(one.guard, own) for one in running.mcp_servers], report, wait)


async def report_differences(
    guards: list[tuple[Guard, AuthServerSettings | None]], report: Report, wait: Wait
) -> None:
    """Wait, check each guard, and report each finding that stops somebody; never raises."""
    await wait(WAIT)
    for guard, own in guards:
        try:
            found = await check(guard, own)
        except Exception as error:  # noqa: BLE001 - a check must not end what it checks
            report(UNCHECKED, {"resource": guard.resource, "error": type(error).__name__})
            continue
        for one in found:
            if one.severity is not Severity.NOTE:
                report(DIFFERS, {"resource": guard.resource, **_facts(one)})


def _facts(one: Diagnosis) -> dict[str, str]:
    finding = one.finding
    return {
        "code": finding.code,
        "blame": one.blame.value,
        "problem": escape_for_log(filled(finding.title, one.values)),
        "fix": escape_for_log(filled(finding.fix, one.values)),
    }
