"""Rules about the connection and its certificate."""

from urllib.parse import urlsplit

from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.evidence.exchange import Exchange
from doorward.doctor.rules.rule import Found, RuleBook

BOOK = RuleBook()
# What OpenSSL says, what that means, and what to change. The first match decides.
CERTIFICATES = (
    ("expired", "It has expired.", "Renew the certificate, and reload what serves it."),
    ("not yet valid", "It is not valid yet.", "Check the clock of the machine that issued it."),
    (
        "mismatch",
        "It is for another name.",
        "Get a certificate for this host name, or use a name that the certificate has.",
    ),
    (
        "self-signed certificate in certificate chain",
        "An authority that is not public issued it.",
        "Use a certificate of a public authority: hosted clients trust no other.",
    ),
    (
        "self-signed",
        "It is self-signed, so no client trusts it.",
        "Use a certificate of a public authority.",
    ),
    (
        "unable to get local issuer",
        "Its intermediate certificate is not sent, or a private authority issued it.",
        "Send the full chain: the certificate, followed by its intermediates.",
    ),
)


@BOOK.rule("certificate-untrusted", needs=["connection"])
def certificate_untrusted(evidence: Evidence) -> Found | None:
    """Find a certificate that no client accepts."""
    why = _failure(evidence, "certificate")
    return None if why is None else certificate_found(host_of(evidence.target), why)


def certificate_found(host: str, why: str) -> Found:
    """Return the finding for OpenSSL's sentence ``why``."""
    meaning, change = next(
        (told[1:] for told in CERTIFICATES if told[0] in why.lower()),
        ("TLS does not accept it.", "Replace the certificate."),
    )
    return Found(
        observed=(f"TLS says of {host}: {why}.",),
        values={"host": host, "why": meaning, "change": change},
    )


@BOOK.rule("tls-failed", needs=["connection"])
def tls_failed(evidence: Evidence) -> Found | None:
    """Find a failed handshake."""
    return _simple(evidence, "tls")


@BOOK.rule("connection-refused", needs=["connection"])
def connection_refused(evidence: Evidence) -> Found | None:
    """Find a port that nobody listens on."""
    return _simple(evidence, "refused")


@BOOK.rule("connection-times-out", needs=["connection"])
def connection_times_out(evidence: Evidence) -> Found | None:
    """Find an address that accepts no connection in time."""
    return _simple(evidence, "timeout") if _failure(evidence, "timeout") == "connecting" else None


@BOOK.rule("endpoint-hangs", needs=["connection"])
def endpoint_hangs(evidence: Evidence) -> Found | None:
    """Find a server that accepts the connection, and does not answer."""
    return None if _failure(evidence, "timeout") == "connecting" else _simple(evidence, "timeout")


@BOOK.rule("connection-lost", needs=["connection"])
def connection_lost(evidence: Evidence) -> Found | None:
    """Find a connection that ends without an answer."""
    return _simple(evidence, "disconnected")


def _simple(evidence: Evidence, kind: str) -> Found | None:
    why = _failure(evidence, kind)
    if why is None:
        return None
    host = host_of(evidence.target)
    told = f"No answer from {host}" + (f": {why}." if why else ".")
    return Found(observed=(told,), values={"host": host})


def _failure(evidence: Evidence, kind: str) -> str | None:
    seen = evidence.connection
    assert seen is not None
    # Once there is a status, the connection works; the body is the endpoint's affair.
    if seen.status is not None or seen.failure is None or seen.failure.kind != kind:
        return None
    return seen.failure.detail


def host_of(url: str) -> str:
    """Return host and port of ``url``."""
    return urlsplit(url).netloc.rpartition("@")[2]


def told(exchange: Exchange) -> str:
    """Return one line of evidence: what was sent, and what was answered."""
    return f"{exchange.method} {exchange.url}: {exchange.answered}"
