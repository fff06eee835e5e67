"""The recorded metadata documents, as simulators serve them."""

import json
from typing import Any

from tests.idp.simulator import OPENID, RECORDED


def recorded(file: str, was: str = "", now: str = "", **more: Any) -> dict[str, Any]:
    """Return a recorded document, with the origin ``was`` as ``now``, and ``more`` members."""
    text = (RECORDED / file).read_text("utf-8")
    document: dict[str, Any] = json.loads(text.replace(was, now) if was else text)
    return document | more


def written(issuer: str, base: Any = None, **endpoints: Any) -> dict[str, Any]:
    """
    Return metadata of which no document is recorded.

    ``endpoints`` are the members without ``_endpoint``, as paths behind ``base``: the issuer itself,
    if nothing else is given.
    """
    base = issuer.rstrip("/") if base is None else base
    document: dict[str, Any] = {"issuer": issuer}
    for name, value in endpoints.items():
        if isinstance(value, str):
            member = name if name.endswith("_uri") else f"{name}_endpoint"
            document[member] = value if "://" in value else base + value
        else:
            document[name] = value
    return document


def openid_url(issuer: str) -> str:
    """Return where OpenID Connect Discovery 1.0 §4 puts the document."""
    return issuer.rstrip("/") + OPENID
