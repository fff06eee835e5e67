"""Rules about the sign-in and the token endpoint."""

from doorward.doctor.evidence.difference import difference
from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.evidence.signed_in import SignInView, TokenView
from doorward.doctor.findings.finding import Blame
from doorward.doctor.rules import answers
from doorward.doctor.rules.reachability.connection import told
from doorward.doctor.rules.rule import Found, RuleBook

BOOK = RuleBook()
_WRONG_CLIENT = (
    "bad credentials",
    "invalid_client",
    "incorrect_client_credentials",
    "aadsts7000215",
)


def _sign_in(evidence: Evidence) -> SignInView:
    assert evidence.sign_in is not None
    return evidence.sign_in


@BOOK.rule("sign-in-unfinished", needs=["sign_in"])
def sign_in_unfinished(evidence: Evidence) -> Found | None:
    """Find a sign-in without an answer."""
    seen = _sign_in(evidence)
    if seen.outcome != "no answer":
        return None
    return Found(observed=(f"No answer: {seen.error}",), values={"error": seen.error})


@BOOK.rule("sign-in-refused", needs=["sign_in"])
def sign_in_refused(evidence: Evidence) -> Found | None:
    """Find a sign-in that ends with an error."""
    seen = _sign_in(evidence)
    if seen.outcome != "error":
        return None
    text = seen.text or "nothing more."
    return Found(
        observed=(f"error={seen.error} {seen.text}".strip(),),
        values={"error": seen.error, "text": text},
    )


@BOOK.rule("iss-missing", needs=["sign_in"])
def iss_missing(evidence: Evidence) -> Found | None:
    """Find an answer without the announced issuer."""
    seen = _sign_in(evidence)
    if seen.outcome != "code" or not seen.iss_announced or seen.iss is not None:
        return None
    return Found(observed=("The answer has code and state, and no iss.",))


@BOOK.rule("iss-wrong", needs=["sign_in", "issuers"])
def iss_wrong(evidence: Evidence) -> Found | None:
    """Find an answer that names another issuer."""
    seen, issuer = _sign_in(evidence), evidence.issuer
    if issuer is None or seen.iss is None or seen.iss == issuer.issuer:
        return None
    return Found(
        observed=(f"iss={seen.iss}; expected {issuer.issuer}",),
        values={"difference": difference(seen.iss, issuer.issuer), "issuer": issuer.issuer},
    )


def _refused(evidence: Evidence) -> TokenView | None:
    assert evidence.token is not None
    failure = evidence.token.exchange.failure
    if evidence.token.is_issued or (failure is not None and failure.kind == "budget"):
        return None
    return evidence.token


@BOOK.rule("token-blocked", needs=["token"])
def token_blocked(evidence: Evidence) -> Found | None:
    """Find a firewall in front of the token endpoint."""
    seen = _refused(evidence)
    if seen is None or not answers.is_edge_page(seen.exchange):
        return None
    return _answered(seen)


@BOOK.rule("client-secret-wrong", needs=["token"])
def client_secret_wrong(evidence: Evidence) -> Found | None:
    """Find credentials of the user's client that the issuer does not accept."""
    seen = _refused(evidence)
    if seen is None or seen.client != "given" or not _is_about_client(seen):
        return None
    return _answered(seen)


@BOOK.rule("registered-client-refused", needs=["token"])
def registered_client_refused(evidence: Evidence) -> Found | None:
    """Find an issuer that does not accept its own registration."""
    seen = _refused(evidence)
    if seen is None or seen.client != "registered" or not _is_about_client(seen):
        return None
    found = _answered(seen)
    return Found(observed=found.observed, values={**found.values, "method": seen.auth_method})


def _is_about_client(seen: TokenView) -> bool:
    # Some issuers answer with an array or a page, so the words decide.
    exchange = seen.exchange
    text = f"{exchange.error_code()} {exchange.body} {exchange.document or ''}".lower()
    return exchange.status in (400, 401) and any(words in text for words in _WRONG_CLIENT)


@BOOK.rule("code-without-scope", needs=["token"])
def code_without_scope(evidence: Evidence) -> Found | None:
    """Find a provider that exchanges no code without a scope."""
    seen = _refused(evidence)
    if seen is None or seen.asked_scope or seen.exchange.error_code() != "invalid_grant":
        return None
    if "cognito" not in evidence.parties:
        return None
    return _answered(seen)


@BOOK.rule("token-endpoint-reads-no-forms", needs=["token"])
def token_endpoint_reads_no_forms(evidence: Evidence) -> Found | None:
    """Find a token endpoint that wants JSON."""
    seen = _refused(evidence)
    if seen is None:
        return None
    text = f"{seen.exchange.body} {seen.exchange.document or ''}".lower()
    says_so = any(words in text for words in ("unsupported media type", "unsupported content"))
    if seen.exchange.status != 415 and not (seen.exchange.status == 400 and says_so):
        return None
    return _answered(seen)


@BOOK.rule("token-refused", needs=["token"])
def token_refused(evidence: Evidence) -> Found | None:
    """Find every other refusal."""
    seen = _refused(evidence)
    if seen is None or seen.exchange.status == 200:
        return None
    found = _answered(seen)
    if seen.exchange.status is not None and seen.exchange.status >= 500:
        # Whatever the request was, an issuer must not crash at it.
        return Found(observed=found.observed, values=found.values, blame=Blame.ISSUER, decide="")
    if seen.asked_scope:
        return found
    decide = (
        "The request named no scope, because the server names none: sign in again with --scope. "
    )
    decide += "If that works, the server must name scopes; if not, the issuer's log has the reason."
    return Found(observed=found.observed, values=found.values, decide=decide)


@BOOK.rule("token-answer-unreadable", needs=["token"])
def token_answer_unreadable(evidence: Evidence) -> Found | None:
    """Find a success without a token."""
    seen = _refused(evidence)
    return _answered(seen) if seen is not None and seen.exchange.status == 200 else None


def _answered(seen: TokenView) -> Found:
    exchange = seen.exchange
    answer = f"{exchange.answered} {exchange.error_code()}".strip()
    said = (exchange.document or {}).get("error_description") or exchange.body[:200]
    return Found(
        observed=(f"{told(exchange)} {exchange.error_code()} {said}".strip(),),
        values={"answer": answer},
    )
