"""The metadata of an issuer, tried at every well-known URL in use."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from doorward.net import Fetcher, FetchFailed, FetchRequest
from doorward.net.http.certificates import certificate_problem
from doorward.wire import address, strict_json
from doorward.wire.oauth.server_metadata import OAUTH, OPENID

LARGEST_METADATA = 128 * 1024
# About ID tokens and browser sessions: an OAuth document need not repeat them.
_OPENID_ALONE = (
    "id_token_",
    "userinfo_",
    "subject_types",
    "claim",
    "end_session",
    "acr_",
    "display_",
)


@dataclass(frozen=True)
class MetadataForm:
    """One well-known URL: its name, and whether clients of MCP 2026-07-28 look there."""

    name: str
    url: str
    kind: str
    for_clients: bool = True


@dataclass(frozen=True)
class TriedForm:
    """
    The result at one well-known URL.

    ``status`` is ``None`` without a response. ``problem`` says why there is no ``document``, and
    ``untrusted`` why TLS does not trust the certificate.
    """

    form: MetadataForm
    status: int | None
    problem: str = ""
    document: Mapping[str, Any] | None = field(default=None, repr=False)
    untrusted: str | None = None

    def speaks_for(self, issuer: str) -> bool:
        """Return whether there is a document that names ``issuer``, byte for byte."""
        return self.document is not None and self.document.get("issuer") == issuer


def forms(issuer: str) -> tuple[MetadataForm, ...]:
    """
    Return the well-known URLs of ``issuer``, in the order in which clients try them.

    Spec: MCP 2026-07-28 authorization server discovery; RFC 8414 §3.1, §5
    """
    origin = address.origin_of(issuer)
    path = issuer[len(origin) :].rstrip("/")
    if not path:
        return (
            MetadataForm("OAuth", origin + OAUTH, "oauth"),
            MetadataForm("OpenID", origin + OPENID, "openid"),
        )
    return (
        MetadataForm("OAuth, before the path", origin + OAUTH + path, "oauth"),
        MetadataForm("OpenID, before the path", origin + OPENID + path, "openid"),
        MetadataForm("OpenID, behind the path", origin + path + OPENID, "openid"),
        # Clients do not try this one, but it is the only OAuth URL at several providers.
        MetadataForm("OAuth, behind the path", origin + path + OAUTH, "oauth", for_clients=False),
    )


async def look(fetcher: Fetcher, issuer: str) -> tuple[TriedForm, ...]:
    """Return the result at every well-known URL of ``issuer``, in the order of ``forms``."""
    return tuple(await asyncio.gather(*(_try(fetcher, form) for form in forms(issuer))))


async def _try(fetcher: Fetcher, form: MetadataForm) -> TriedForm:
    try:
        answer = await fetcher.send(form.url, FetchRequest(), limit=LARGEST_METADATA)
    except FetchFailed as failure:
        return TriedForm(form, None, failure.detail, untrusted=certificate_problem(failure))
    if answer.status != 200:
        return TriedForm(form, answer.status, f"answered {answer.status}")
    try:
        document = strict_json.parse_object(answer.body)
    except strict_json.NotStrictJson as error:
        return TriedForm(form, 200, f"no metadata: {error}")
    return TriedForm(form, 200, "", document)


def differences(tried: tuple[TriedForm, ...], issuer: str) -> tuple[str, ...]:
    """Return sentences about where the documents of ``issuer`` differ."""
    speaking = [one for one in tried if one.document is not None and one.speaks_for(issuer)]
    if len(speaking) < 2:
        return ()
    first, *others = speaking
    told = []
    for other in others:
        told += _differences(first, other)
    return tuple(told)


def _differences(one: TriedForm, other: TriedForm) -> list[str]:
    mine, yours = _of_oauth(one), _of_oauth(other)
    told = [
        f"{name} differs"
        for name in sorted(mine.keys() & yours.keys())
        if _unlike(mine[name], yours[name])
    ]
    told += [f"{name} only in {one.form.name!r}" for name in sorted(mine.keys() - yours.keys())]
    told += [f"{name} only in {other.form.name!r}" for name in sorted(yours.keys() - mine.keys())]
    return [f"{one.form.name} and {other.form.name}: {what}." for what in told]


def _of_oauth(tried: TriedForm) -> dict[str, Any]:
    members = (tried.document or {}).items()
    return {name: value for name, value in members if not name.startswith(_OPENID_ALONE)}


def _unlike(one: object, other: object) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        # In metadata, the order of a list has no meaning.
        return sorted(map(repr, one)) != sorted(map(repr, other))
    return one != other
