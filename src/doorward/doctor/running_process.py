"""Reads the sign-in attempts of a process that runs, from the address for its operators."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from doorward.client.refusals import Unreachable
from doorward.config import load
from doorward.doctor.evidence.inside import InsideView
from doorward.errors import ConfigurationError
from doorward.net import Fetcher
from doorward.net.http.refusals import FetchFailed
from doorward.net.http.url import host_ports_of
from doorward.operations.story.as_json import from_json
from doorward.operations.story.endpoint import DOCUMENT
from doorward.operations.story.hop import Attempt

_LONGEST = 8 * 1024 * 1024
_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where others listen


async def read_attempts(origin: str) -> tuple[float, tuple[Attempt, ...]]:
    """
    Return the time there and the attempts of the process at ``origin``, the newest first.

    Raises:
        Unreachable: ``no-story``, it does not answer, or shows no story there.
    """
    fetcher = Fetcher(allow_private_hosts=host_ports_of([origin]))
    try:
        answer = await fetcher.fetch(origin.rstrip("/") + DOCUMENT, limit=_LONGEST)
        document: Mapping[str, Any] = json.loads(answer.body)
        return from_json(document)
    except (FetchFailed, ValueError) as error:
        detail = error.detail if isinstance(error, FetchFailed) else "another document"
        raise Unreachable(
            "no-story",
            f"{origin} shows no sign-in attempts: {detail}.",
            "Run doorward demo, or set listen and story in [operations] and restart doorward serve.",
        ) from None
    finally:
        await fetcher.aclose()


def operations_origin(path: Path) -> str | None:
    """
    Return where a process with this configuration file shows its attempts; ``None`` without ``story``.

    Raises:
        ConfigurationError: as ``load`` does.
    """
    operations = load(path).operations
    if not operations.story or operations.listen is None:
        return None
    host, port = operations.listen
    name = _EVERY_ADDRESS.get(host, host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def require_origin(path: Path) -> str:
    """
    Return ``operations_origin`` of a file that has it.

    Raises:
        ConfigurationError: ``no-story-in-file``, and as ``load`` does.
    """
    if (origin := operations_origin(path)) is not None:
        return origin
    raise ConfigurationError(
        "no-story-in-file",
        f"{path} does not keep the sign-in attempts.",
        'Set listen = "127.0.0.1:9100" and story = true in [operations], and restart the process.',
    )


async def with_attempts(inside: InsideView, path: Path) -> InsideView:
    """Return ``inside`` with the attempts of the running process, if it runs and keeps them."""
    origin = operations_origin(path)
    if origin is None:
        return inside
    try:
        now, attempts = await read_attempts(origin)
    except Unreachable:
        return inside
    return replace(inside, attempts=attempts, now=now)
