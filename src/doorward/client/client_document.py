"""Client ID metadata documents: builds one, and checks a published one as a server would."""

from collections.abc import Sequence
from typing import Any

import httpx2

from doorward.client.http.http_client import HttpClient
from doorward.client.http.url_policy import UrlPolicy
from doorward.client.oauth.registration import require_document_url
from doorward.client.refusals import ClientRefused, DiscoveryFailed
from doorward.client.sign_in.listener import HOST, PATH
from doorward.wire.oauth.client_metadata import (
    PUBLIC_CLIENT,
    ClientMetadata,
    InvalidClientMetadata,
    parse_client_document,
)

LARGEST = 5 * 1024
"""Bytes; the most that an authorization server should read."""

# The port of a loopback redirect URI is not compared, so one entry covers every port.
_LOOPBACK = f"http://{HOST}{PATH}"


def build_document(
    url: str, *, name: str, redirect_uris: Sequence[str] = (), homepage: str | None = None
) -> dict[str, Any]:
    """
    Return the document to serve at ``url``, for a native client without a secret.

    Raises:
        DiscoveryFailed: ``url`` is not a valid client id.
        ClientRefused: with reason ``unusable-document``: a server would refuse it.

    Spec: draft-ietf-oauth-client-id-metadata-document §4.1; MCP 2026-07-28 client registration
    """
    uris = list(redirect_uris) or [_LOOPBACK]
    document: dict[str, Any] = {
        "client_id": require_document_url(url),
        "client_name": name,
        "application_type": "native",
        "redirect_uris": uris,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }
    if homepage is not None:
        document["client_uri"] = homepage
    _judge(document, url)
    return document


async def check_document(
    url: str, transport: httpx2.AsyncBaseTransport | None = None
) -> ClientMetadata:
    """
    Return the metadata in the document at ``url``, if a server would accept it.

    Raises:
        DiscoveryFailed: ``url`` is not a valid client id.
        ClientRefused: ``unusable-document`` with the fault, or the host does not answer.

    Spec: draft-ietf-oauth-client-id-metadata-document §4, §6
    """
    http_client = HttpClient(UrlPolicy(require_document_url(url)), transport)
    try:
        answer = await http_client.get(url, "client document")
    finally:
        await http_client.aclose()
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if answer.status != 200:
        raise _unusable(f"the status is {answer.status}, expected 200; redirects are not followed")
    if kind != "application/json" and not kind.endswith("+json"):
        raise _unusable(f"its content type is {kind or 'missing'}, expected application/json")
    if len(answer.body) > LARGEST:
        raise _unusable(f"it is longer than {LARGEST} bytes")
    return _judge(answer.document(), url)


def _judge(document: dict[str, Any], url: str) -> ClientMetadata:
    try:
        return parse_client_document(document, url, PUBLIC_CLIENT)
    except InvalidClientMetadata as refusal:
        raise _unusable(refusal.problem.rstrip(".")) from refusal


def _unusable(why: str) -> ClientRefused:
    return DiscoveryFailed(
        "unusable-document",
        f"Servers will refuse this client ID metadata document: {why}.",
        'Write a valid one with "doorward client-document".',
    )
