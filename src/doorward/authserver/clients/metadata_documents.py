"""Client ID metadata documents: fetched with the guarded HTTP client, checked and cached."""

from collections import OrderedDict
from urllib.parse import urlsplit

from doorward.authserver.client_keys import require_usable_keys
from doorward.authserver.refusals import ClientDocumentUnavailable
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.net.clock import Clock
from doorward.net.http.fetcher import DocumentFetcher
from doorward.net.http.refusals import FetchFailed
from doorward.net.single_flight import Expiring, SingleFlightCache
from doorward.wire.address import origin_of
from doorward.wire.oauth.client_metadata import (
    ClientMetadata,
    InvalidClientMetadata,
    RegistrationPolicy,
    is_client_id_url,
    parse_client_document,
)
from doorward.wire.strict_json import NotStrictJson, parse_object

LONGEST_DOCUMENT = 5 * 1024
_MOST_DOCUMENTS = 1000


class ClientMetadataDocuments:
    """
    Fetches and caches the documents behind client_id URLs.

    Spec: draft-ietf-oauth-client-id-metadata-document §4, §6; MCP 2026-07-28 client registration
    """

    def __init__(
        self,
        fetcher: DocumentFetcher,
        policy: RegistrationPolicy,
        settings: AuthServerSettings,
        clock: Clock,
    ) -> None:
        self._fetcher = fetcher
        self._policy = policy
        self._settings = settings
        self._cache: SingleFlightCache[str, ClientMetadata] = SingleFlightCache(
            floor=settings.lifetimes.document_floor,
            ceiling=settings.lifetimes.document_ceiling,
            entries=_MOST_DOCUMENTS,
            clock=clock,
        )
        self._last_seen: OrderedDict[str, ClientMetadata] = OrderedDict()

    async def read(self, client_id: str) -> tuple[ClientMetadata, bool]:
        """
        Return the metadata in the document, and whether it has changed since the last time.

        Raises:
            ClientDocumentUnavailable: 401 ``invalid_client``; the message is the same for all causes.
        """
        local = self._settings.insecure_document_hosts
        if not is_client_id_url(client_id, local_hosts=local):
            raise ClientDocumentUnavailable("the client_id is not a URL that a document may have")
        # Before the cache: a client that is no longer trusted is refused even if its document is cached.
        trusted = self._settings.trust_client
        if trusted is not None and not trusted(client_id):
            raise ClientDocumentUnavailable(f"{client_id!r} is not trusted here")
        metadata = await self._cache.get(client_id, lambda: self._load(client_id))
        before = self._last_seen.get(client_id)
        self._last_seen[client_id] = metadata
        self._last_seen.move_to_end(client_id)
        while len(self._last_seen) > _MOST_DOCUMENTS:
            self._last_seen.popitem(last=False)
        return metadata, before is not None and before != metadata

    async def _load(self, client_id: str) -> Expiring[ClientMetadata]:
        try:
            fetched = await self._fetcher.fetch(client_id, limit=LONGEST_DOCUMENT)
            if not _is_json(fetched.media_type):
                raise ClientDocumentUnavailable(f"content type {fetched.media_type!r}")
            document = parse_object(fetched.body)
            metadata = parse_client_document(document, client_id, self._policy)
            require_usable_keys(metadata)
        except (FetchFailed, InvalidClientMetadata) as refused:
            raise ClientDocumentUnavailable(str(refused)) from None
        except NotStrictJson as error:
            raise ClientDocumentUnavailable(str(error)) from None
        if self._settings.documents_same_origin:
            _require_same_origin(client_id, metadata)
        return Expiring(metadata, fetched.max_age)


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )


def _require_same_origin(client_id: str, metadata: ClientMetadata) -> None:
    """Refuse a document with any redirect URI at another origin, even if this request uses none."""
    for uri in metadata.redirect_uris:
        if urlsplit(uri).scheme != "https" or origin_of(uri) != origin_of(client_id):
            raise ClientDocumentUnavailable("a redirect URI is not at the client's own origin")
