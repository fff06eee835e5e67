"""The guarded fetcher, over real sockets and real TLS."""

import asyncio
import gzip
import ssl
import threading
from collections.abc import Sequence
from pathlib import Path

import httpcore2
import pytest

from doorward.net import Fetcher, FetchFailed, FetchRefused
from doorward.net.http.checked_addresses import checked_addresses
from doorward.net.http.connection import _require_peer
from tests.ledger import proves
from tests.net.tls_server import NAME, Answer, Place, authority, ok, saying, serving, to

Contexts = tuple[ssl.SSLContext, ssl.SSLContext]
HOME = to("127.0.0.1")


def fetcher(place: Place, tls: Contexts, **options: object) -> Fetcher:
    """Return a fetcher that may go to ``place`` although it is on loopback."""
    settings: dict[str, object] = {
        "allow_private_hosts": frozenset({place.pair}),
        "resolver": HOME,
        "tls": tls[1],
        **options,
    }
    return Fetcher(**settings)  # type: ignore[arg-type]


@proves("S65", "accepts", "documents do not redirect")
@proves("S71", "accepts", "TLS under a pinned address")
async def test_a_document_is_fetched_with_the_name_in_host_and_sni(tls: Contexts) -> None:
    async with serving(
        saying(ok(b'{"keys":[]}', "Content-Type: application/json")), tls[0]
    ) as place:
        fetched = await fetcher(place, tls).fetch(place.url("/keys?x=1"))

    assert (fetched.status, fetched.body, fetched.media_type) == (
        200,
        b'{"keys":[]}',
        "application/json",
    )
    assert place.names == [NAME]
    request = place.requests[0].lower()
    assert request.startswith("get /keys?x=1 http/1.1\r\n")
    assert f"host: {place.pair}\r\n" in request
    assert "accept-encoding: identity\r\n" in request
    assert "cookie" not in request
    assert "authorization" not in request


async def test_the_ca_certificates_are_loaded_once_and_off_the_event_loop(
    tls: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_in = []

    def read() -> ssl.SSLContext:
        read_in.append(threading.current_thread())
        return tls[1]

    monkeypatch.setattr(ssl, "create_default_context", read)
    async with serving(saying(ok(b"{}")), tls[0]) as place:
        asking = Fetcher(allow_private_hosts=frozenset({place.pair}), resolver=HOME)
        assert read_in == []
        answers = [await asking.fetch(place.url()) for _ in range(2)]

    assert [one.body for one in answers] == [b"{}", b"{}"]
    (thread,) = read_in
    assert thread is not threading.main_thread()


@proves("S65", "refuses", "documents do not redirect")
@pytest.mark.parametrize(
    "status",
    [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Temporary",
        "308 Permanent",
        "201 Created",
        "204 No Content",
        "206 Partial Content",
        "404 Not Found",
        "403 Forbidden",
        "500 Oops",
    ],
)
async def test_anything_but_a_200_is_an_error_and_is_not_followed(
    tls: Contexts, status: str
) -> None:
    elsewhere = "https://idp.test/elsewhere"
    answer = f"HTTP/1.1 {status}\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n".encode()
    async with serving(saying(answer), tls[0]) as place:
        with pytest.raises(FetchFailed) as failure:
            await fetcher(place, tls).fetch(place.url())

    assert failure.value.code == "answer-unusable"
    assert len(place.requests) == 1
    assert status[:3] in failure.value.detail


@proves("S66", "refuses", "special addresses are refused")
@proves("S68", "refuses", "names are pinned")
@pytest.mark.parametrize(
    "addresses",
    [
        pytest.param(["127.0.0.1"], id="private"),
        pytest.param(["8.8.8.8", "127.0.0.1"], id="mixed"),
        pytest.param(["127.0.0.1", "8.8.8.8"], id="mixed-private-first"),
        pytest.param(["::ffff:127.0.0.1"], id="mapped"),
        pytest.param(["8.8.8.8", "::1"], id="mixed-families"),
    ],
)
async def test_a_name_with_an_internal_address_is_refused_before_connecting(
    tls: Contexts, addresses: Sequence[str]
) -> None:
    async with serving(saying(ok(b"{}")), tls[0]) as place:
        guarded = fetcher(place, tls, allow_private_hosts=frozenset(), resolver=to(*addresses))
        with pytest.raises(FetchRefused):
            await guarded.fetch(place.url())

        assert place.connections == 0


@proves("S66", "refuses", "special addresses are refused")
@proves("S69", "refuses", "odd spellings of addresses")
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "169.254.169.254", "127.1", "2130706433", "[::ffff:127.0.0.1]"]
)
async def test_an_internal_address_is_refused_in_every_spelling(tls: Contexts, host: str) -> None:
    async with serving(saying(ok(b"{}")), tls[0]) as place:
        with pytest.raises(FetchRefused):
            await Fetcher(tls=tls[1]).fetch(f"https://{host}:{place.port}/keys")

        assert place.connections == 0


async def test_a_private_host_is_allowed_only_at_its_own_port(tls: Contexts) -> None:
    async with serving(saying(ok(b"{}")), tls[0]) as place, serving(saying(b""), tls[0]) as other:
        guarded = fetcher(place, tls)
        await guarded.fetch(place.url())
        with pytest.raises(FetchRefused):
            await guarded.fetch(other.url())

    assert other.connections == 0


@proves("S68", "accepts", "names are pinned")
async def test_a_name_is_resolved_once_and_the_next_address_is_tried(tls: Contexts) -> None:
    asked: list[str] = []

    async def resolver(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        # Nothing listens on the first. A second resolution would give the internal address.
        return ["127.0.0.9", "127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    async with serving(saying(ok(b"{}")), tls[0]) as place:
        await fetcher(place, tls, resolver=resolver).fetch(place.url())

    assert asked == [NAME]


@proves("S68", "refuses", "names are pinned")
async def test_a_connection_to_an_unchecked_address_is_closed() -> None:
    class Elsewhere(httpcore2.AsyncNetworkStream):
        closed = False

        def get_extra_info(self, info: str) -> object:
            return ("10.0.0.1", 443)

        async def aclose(self) -> None:
            self.closed = True

    stream = Elsewhere()
    with pytest.raises(FetchRefused):
        await _require_peer(stream, "8.8.8.8")

    assert stream.closed


async def test_a_name_without_addresses_is_a_failure() -> None:
    with pytest.raises(FetchFailed) as failure:
        await Fetcher(resolver=to()).fetch("https://idp.test/")
    assert failure.value.code == "fetch-failed"


async def test_a_name_that_does_not_resolve_is_a_failure() -> None:
    with pytest.raises(FetchFailed):
        await Fetcher().fetch("https://no-such-name.invalid/")


async def test_an_address_is_not_resolved() -> None:
    found = await checked_addresses(to("10.0.0.1"), "8.8.8.8", 443, internal_too=False)
    assert list(found) == ["8.8.8.8"]


@proves("S71", "refuses", "TLS under a pinned address")
async def test_plain_http_is_refused_even_to_a_public_address() -> None:
    with pytest.raises(FetchRefused):
        await Fetcher(resolver=to("8.8.8.8"), timeout=0.2).fetch("http://idp.test/")


@proves("S71", "refuses", "TLS under a pinned address")
async def test_plain_http_is_refused_unless_allowed(tls: Contexts) -> None:
    async with serving(saying(ok(b"{}")), None) as place:
        with pytest.raises(FetchRefused):
            await fetcher(place, tls, allow_private_hosts=frozenset()).fetch(
                place.url(scheme="http")
            )
        assert place.connections == 0

        assert (await fetcher(place, tls).fetch(place.url(scheme="http"))).body == b"{}"


@proves("S71", "refuses", "TLS under a pinned address")
async def test_a_certificate_of_an_unknown_authority_is_refused(tls: Contexts) -> None:
    async with serving(saying(ok(b"{}")), tls[0]) as place:
        with pytest.raises(FetchFailed):
            await fetcher(place, (tls[0], ssl.create_default_context())).fetch(place.url())

    assert place.requests == []


@proves("S71", "refuses", "TLS under a pinned address")
async def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    server, client = authority(tmp_path, "other.test")
    async with serving(saying(ok(b"{}")), server) as place:
        with pytest.raises(FetchFailed):
            await fetcher(place, (server, client)).fetch(place.url())

    assert place.requests == []


@proves("S70", "accepts", "proxy settings do not bypass")
@proves("S70", "refuses", "proxy settings do not bypass")
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"])
async def test_a_proxy_from_the_environment_is_not_used(
    tls: Contexts, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    async with serving(saying(b""), None) as proxy, serving(saying(ok(b"{}")), tls[0]) as place:
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", "*")
        fetched = await fetcher(place, tls).fetch(place.url())
        assert fetched.body == b"{}"

        with pytest.raises(FetchRefused):
            await fetcher(place, tls, allow_private_hosts=frozenset()).fetch(place.url())

    assert proxy.connections == 0


async def _drip(writer: asyncio.StreamWriter, head: bytes, piece: bytes) -> None:
    writer.write(head)
    while True:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.01)


def dripping(head: bytes, piece: bytes) -> Answer:
    """Answer with ``head`` and then ``piece`` for ever."""
    return lambda writer: _drip(writer, head, piece)


@proves("S72", "refuses", "fetches are bounded")
@pytest.mark.parametrize(
    ("head", "piece"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nX: ", b"a", id="header"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", b"a", id="body"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n", id="chunks"
        ),
        pytest.param(b"", b"", id="silence"),
    ],
)
async def test_a_slow_peer_is_aborted_after_the_total_timeout(
    tls: Contexts, head: bytes, piece: bytes
) -> None:
    async with serving(dripping(head, piece), tls[0]) as place:
        async with asyncio.timeout(3):
            with pytest.raises(FetchFailed):
                await fetcher(place, tls, timeout=0.25).fetch(place.url())


@proves("S72", "refuses", "fetches are bounded")
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(ok(b"a" * 5121), id="announced"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 5121, id="until-close"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
             b"1000\r\n" + b"a" * 4096 + b"\r\n1000\r\n" + b"a" * 4096 + b"\r\n0\r\n\r\n",
            id="chunked",
        ),
        pytest.param(ok(gzip.compress(b"a" * 10_000_000)[:5000], "Content-Encoding: gzip"), id="gzip"),
        pytest.param(ok(b"{}", "Content-Encoding: br"), id="brotli"),
        pytest.param(ok(b"{}", "Content-Encoding: identity, gzip"), id="twice-encoded"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}", id="transfer-gzip"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", id="cut-off"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n{}", id="huge-header"),
        pytest.param(b"not http at all\r\n\r\n", id="not-http"),
        pytest.param(b"", id="nothing"),
    ],
)  # fmt: skip
async def test_an_oversized_encoded_or_malformed_response_is_refused(
    tls: Contexts, answer: bytes
) -> None:
    async with serving(saying(answer), tls[0]) as place:
        with pytest.raises(FetchFailed):
            await fetcher(place, tls).fetch(place.url())


@proves("S72", "accepts", "fetches are bounded")
async def test_a_document_of_exactly_the_limit_is_read(tls: Contexts) -> None:
    async with serving(saying(ok(b"a" * 5120)), tls[0]) as place:
        assert len((await fetcher(place, tls).fetch(place.url())).body) == 5120


@proves("S77", "accepts", "document cache")
@pytest.mark.parametrize(
    ("headers", "max_age"),
    [
        ((), None),
        (("Cache-Control: max-age=600",), 600.0),
        (("Cache-Control: public, MAX-AGE=600, immutable",), 600.0),
        (("Cache-Control: public", "Cache-Control: max-age=60"), 60.0),
        (("Cache-Control: max-age=600", "Age: 100"), 500.0),
        (("Cache-Control: max-age=600", "Age: 1000"), 0.0),
        (("Cache-Control: max-age=600", "Age: x"), 600.0),
        (("Cache-Control: no-store, max-age=600",), 0.0),
        (("Cache-Control: no-cache",), 0.0),
        (("Cache-Control: x-max-age=600",), None),
        (("Cache-Control: max-age=-1",), None),
    ],
)
async def test_max_age_follows_from_cache_control_and_age(
    tls: Contexts, headers: tuple[str, ...], max_age: float | None
) -> None:
    async with serving(saying(ok(b"{}", *headers)), tls[0]) as place:
        assert (await fetcher(place, tls).fetch(place.url())).max_age == max_age


@proves("S79", "accepts", "fetch errors tell nothing")
@proves("S79", "refuses", "fetch errors tell nothing")
async def test_every_fetch_failure_has_the_same_public_message(tls: Contexts) -> None:
    said = set()
    async with serving(
        saying(b"HTTP/1.1 403 No\r\nContent-Length: 6\r\n\r\nsecret"), tls[0]
    ) as place:
        attempts = [
            (fetcher(place, tls), place.url()),
            (fetcher(place, tls, allow_private_hosts=frozenset()), place.url()),
            (Fetcher(resolver=to("127.0.0.1")), "http://idp.test/"),
            (Fetcher(), "https://no-such-name.invalid/"),
        ]
        for guarded, url in attempts:
            with pytest.raises(FetchFailed) as failure:
                await guarded.fetch(url)
            said.add(failure.value.public)
            # The operator's log says what happened.
            assert failure.value.detail
            assert "secret" not in str(failure.value)

    assert said == {"The document could not be fetched."}


async def test_a_fetch_can_be_cancelled(tls: Contexts) -> None:
    async with serving(dripping(b"", b""), tls[0]) as place:
        task = asyncio.create_task(fetcher(place, tls).fetch(place.url()))
        while not place.requests:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_number_of_concurrent_fetches_is_limited(tls: Contexts) -> None:
    running, most = 0, 0
    two = asyncio.Event()

    async def answer(writer: asyncio.StreamWriter) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 2:
            two.set()
        await two.wait()
        # In which a third would come.
        await asyncio.sleep(0.03)
        running -= 1
        writer.write(ok(b"{}"))
        await writer.drain()

    async with serving(answer, tls[0]) as place:
        guarded = fetcher(place, tls, connections=2)
        await asyncio.gather(*(guarded.fetch(place.url()) for _ in range(6)))

    assert most == 2
