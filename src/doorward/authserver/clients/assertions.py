"""Client assertions: each is checked whole, and accepted once."""

from collections import OrderedDict

from doorward.authserver.clients.assertion_checks import (
    PresentedAssertion,
    check_assertion,
    signed_claims,
)
from doorward.authserver.refusals import ClientKeysUnavailable, InvalidClient
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.store.engine import Store
from doorward.authserver.store.rows.spent_assertions import claim_assertion
from doorward.errors import KeysUnavailable, UnknownKey
from doorward.jose.algorithm_names import SUPPORTED
from doorward.jose.compact import JwsHeader, MalformedJws, read_header, split_jws
from doorward.jose.key_set import KeySet
from doorward.jose.public_key import Key
from doorward.net.clock import LEEWAY, Clock
from doorward.net.http.fetcher import DocumentFetcher
from doorward.tokens.jwt.remote_keys import RemoteKeys
from doorward.wire.oauth.client_metadata import ClientMetadata

_MOST_KEY_SETS = 1000


class ClientAssertions:
    """
    Verifies client assertions with the keys of their clients.

    Keys at a ``jwks_uri`` are fetched with the guarded fetcher, and kept.

    Spec: RFC 7523 §2.2, §3; draft-ietf-oauth-rfc7523bis §4
    """

    def __init__(
        self, store: Store, fetcher: DocumentFetcher, settings: AuthServerSettings, clock: Clock
    ) -> None:
        self._store = store
        self._fetcher = fetcher
        self._issuer = settings.issuer
        self._clock = clock
        self._remote: OrderedDict[str, RemoteKeys] = OrderedDict()

    async def spend(self, assertion: str, client_id: str, metadata: ClientMetadata) -> None:
        """
        Return if ``client_id`` signed ``assertion`` for this server and it is used the first time.

        Raises:
            InvalidClient: 401; the detail says which check failed.
            ClientKeysUnavailable: 503; the client's keys cannot be fetched.
            StoreUnavailable: 503; it is unknown whether the assertion was used.
        """
        try:
            jws = split_jws(assertion.encode("ascii", "replace"))
            header = read_header(jws.header)
        except MalformedJws as error:
            raise InvalidClient(f"the assertion is malformed: {error}") from None
        key = await self._key(header, metadata)
        claims = signed_claims(jws, header, key)
        presented = PresentedAssertion(
            type=header.type,
            claims=claims,
            client_id=client_id,
            issuer=self._issuer,
            now=self._clock(),
        )
        check_assertion(presented)
        await self._claim(client_id, str(claims["jti"]), float(claims["exp"]) + LEEWAY)

    async def aclose(self) -> None:
        """Cancel every fetch in flight."""
        for keys in self._remote.values():
            await keys.aclose()

    async def _key(self, header: JwsHeader, metadata: ClientMetadata) -> Key:
        only = metadata.token_endpoint_auth_signing_alg
        if header.algorithm not in SUPPORTED or only not in (None, header.algorithm):
            raise InvalidClient(f"the assertion is signed with alg={header.algorithm[:20]!r}")
        if metadata.jwks is not None:
            found = KeySet(metadata.jwks).find(header.kid, header.algorithm)
        elif metadata.jwks_uri is not None:
            try:
                found = await self._keys_at(metadata.jwks_uri).key(header.kid, header.algorithm)
            except UnknownKey:
                found = None
            except KeysUnavailable as error:
                raise ClientKeysUnavailable(error.detail) from None
        else:
            found = None
        if found is None:
            raise InvalidClient("the client has no such key")
        return found

    def _keys_at(self, jwks_uri: str) -> RemoteKeys:
        keys = self._remote.get(jwks_uri)
        if keys is None:
            keys = RemoteKeys(jwks_uri, fetcher=self._fetcher, clock=self._clock)
            self._remote[jwks_uri] = keys
        self._remote.move_to_end(jwks_uri)
        while len(self._remote) > _MOST_KEY_SETS:
            self._remote.popitem(last=False)
        return keys

    async def _claim(self, client_id: str, jti: str, expires_at: float) -> None:
        now = self._clock()
        is_new = await self._store.write(
            lambda connection: claim_assertion(connection, client_id, jti, expires_at, now)
        )
        if not is_new:
            raise InvalidClient("the assertion was used before")
