"""A probe that measures a live provider and deletes what it creates."""

import asyncio
from collections.abc import Mapping
from typing import Any

from doorward.idp.facts import Answer
from doorward.idp.probe import attempts
from doorward.idp.probe.advice import advise
from doorward.idp.probe.attempts import ProbeAttempt
from doorward.idp.probe.discovery import TriedForm, differences
from doorward.idp.probe.measured import NOT_ADVERTISED, Measured, for_clients, row_of
from doorward.net import Fetcher, FetchFailed, FetchRequest
from doorward.wire import strict_json

LARGEST_KEYS = 256 * 1024
_UNTRIED = ProbeAttempt(Answer.UNKNOWN, "advertised; not tried")


async def probe(
    fetcher: Fetcher, issuer: str, tried: tuple[TriedForm, ...], *, registration: bool = True
) -> Measured:
    """
    Return what ``issuer`` advertises and supports; ``tried`` are its metadata documents.

    Unless ``registration`` is false, it sends a registration that must be refused. It also sends a
    form without a token to the introspection and revocation endpoints. It does not sign in, so
    anything that takes a token to see stays unknown.

    Spec: RFC 8414 §2; RFC 7591 §3; RFC 7662 §2; RFC 7009 §2
    """
    document = for_clients(tried, issuer)
    registered, introspected, revoked, keys = await asyncio.gather(
        _register(fetcher, document, wanted=registration),
        _probe_endpoint(fetcher, document, "introspection_endpoint"),
        _probe_endpoint(fetcher, document, "revocation_endpoint"),
        _keys(fetcher, document),
    )
    row = row_of(
        tried,
        issuer,
        registration=registered,
        introspection=introspected,
        revocation=revoked,
        keys=keys,
    )
    return Measured(
        issuer=issuer,
        tried=tried,
        row=row,
        differences=differences(tried, issuer),
        advice=advise(row),
    )


async def _register(fetcher: Fetcher, document: Mapping[str, Any], *, wanted: bool) -> ProbeAttempt:
    endpoint = document.get("registration_endpoint")
    if not isinstance(endpoint, str):
        return NOT_ADVERTISED
    return await attempts.register(fetcher, endpoint) if wanted else _UNTRIED


async def _probe_endpoint(fetcher: Fetcher, document: Mapping[str, Any], name: str) -> ProbeAttempt:
    endpoint = document.get(name)
    return (
        await attempts.probe_endpoint(fetcher, endpoint)
        if isinstance(endpoint, str)
        else NOT_ADVERTISED
    )


async def _keys(fetcher: Fetcher, document: Mapping[str, Any]) -> ProbeAttempt:
    place = document.get("jwks_uri")
    unknown = "whether access tokens are JWTs was not measured"
    if not isinstance(place, str):
        return ProbeAttempt(Answer.UNKNOWN, f"no jwks_uri; {unknown}")
    try:
        answer = await fetcher.send(place, FetchRequest(), limit=LARGEST_KEYS)
        keys = strict_json.parse_object(answer.body).get("keys")
    except (FetchFailed, strict_json.NotStrictJson):
        keys = None
    if not isinstance(keys, list):
        return ProbeAttempt(Answer.UNKNOWN, f"jwks_uri gives no keys; {unknown}")
    return ProbeAttempt(Answer.UNKNOWN, f"keys published: {len(keys)}; {unknown}")
