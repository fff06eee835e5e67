"""The token: which claims it has, for the rules to compare. Neither the token nor its user is kept."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.evidence.signed_in import TokenContents
from doorward.doctor.hops.hop import Hop
from doorward.doctor.probe.body import document_in
from doorward.doctor.probe.probe import Probe
from doorward.jose.compact import MalformedJws, decode_segment


async def observe(probe: Probe, evidence: Evidence) -> Evidence:
    """Return the evidence with what the access token says; sends nothing, verifies nothing."""
    token = probe.credentials.access_token
    assert token is not None
    return replace(evidence, contents=read(token, time.time()))


def read(token: str, now: float) -> TokenContents:
    """Return what ``token`` says at the time ``now``, in seconds since 1970."""
    parts = token.split(".")
    if len(parts) == 5 and _object(parts[0]) is not None:
        return TokenContents(form="encrypted")
    header = _object(parts[0]) if len(parts) == 3 else None
    claims = _object(parts[1]) if header is not None else None
    if header is None or claims is None:
        return TokenContents(form="opaque")
    ends, begins = claims.get("exp"), claims.get("nbf")
    return TokenContents(
        form="jwt",
        algorithm=_text(header, "alg"),
        kid=_text(header, "kid"),
        typ=_text(header, "typ"),
        issuer=_text(claims, "iss"),
        audience=_audience(claims.get("aud")),
        scope=_scope(claims),
        lives_for=float(ends) - now if isinstance(ends, int | float) else None,
        not_before_in=float(begins) - now if isinstance(begins, int | float) else None,
    )


def _object(segment: str) -> Mapping[str, Any] | None:
    try:
        return document_in(decode_segment(segment.encode()), is_stream=False)
    except (MalformedJws, ValueError):
        return None


def _text(members: Mapping[str, Any], name: str) -> str:
    value = members.get(name)
    return value[:500] if isinstance(value, str) else ""


def _audience(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(one[:500] for one in values[:20] if isinstance(one, str))


def _scope(claims: Mapping[str, Any]) -> str:
    value = claims.get("scope", claims.get("scp"))
    if isinstance(value, list):
        return " ".join(one for one in value if isinstance(one, str))[:2000]
    return value[:2000] if isinstance(value, str) else ""


def _is_reached(evidence: Evidence) -> bool:
    given = evidence.sign_in is not None and evidence.sign_in.outcome == "token given"
    return given or (evidence.token is not None and evidence.token.is_issued)


HOP = Hop("token-contents", "The token itself", "reading the token", _is_reached, observe)
