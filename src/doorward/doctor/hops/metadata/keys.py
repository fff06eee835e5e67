"""The issuer's keys."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from doorward.doctor.evidence.before_sign_in import KeysView, PublishedKey
from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.evidence.exchange import Exchange
from doorward.doctor.hops.hop import Hop
from doorward.doctor.probe.probe import Probe, Question

_MOST_KEYS = 50
# RFC 7518 §6: the private part of an RSA or EC key, or the whole of a symmetric one.
_PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "k")


async def observe(probe: Probe, evidence: Evidence) -> Evidence:
    """Return the evidence with what the issuer publishes at ``jwks_uri``."""
    assert evidence.issuer is not None
    url = str(evidence.issuer.document["jwks_uri"])
    answer = await probe.send(Question(purpose="issuer's keys", url=url))
    exchange, keys = answer.exchange, answer.document.get("keys")
    problem = _problem(exchange, keys)
    # The record has no key material: a set can show a secret by mistake.
    exchange = replace(exchange, document=None if exchange.document is None else {})
    probe.tape[-1] = exchange
    listed = keys[:_MOST_KEYS] if isinstance(keys, list) else []
    found = [_key(one) for one in listed if isinstance(one, dict)]
    view = KeysView(url=exchange.url, exchange=exchange, keys=tuple(found), problem=problem)
    return replace(evidence, keys=view)


def _problem(exchange: Exchange, keys: object) -> str:
    if exchange.status != 200 or exchange.failure is not None:
        return "no-answer"
    if isinstance(keys, list):
        return ""
    return "html" if exchange.is_html else "no-keys"


def _key(key: Mapping[str, Any]) -> PublishedKey:
    kid, kty, alg, use = (str(key.get(name, ""))[:100] for name in ("kid", "kty", "alg", "use"))
    return PublishedKey(
        kid=kid, kty=kty, alg=alg, use=use, is_private=any(name in key for name in _PRIVATE)
    )


def _is_reached(evidence: Evidence) -> bool:
    issuer = evidence.issuer
    return issuer is not None and isinstance(issuer.document.get("jwks_uri"), str)


HOP = Hop("keys", "Issuer's keys", "reading the issuer's keys", _is_reached, observe)
