"""Rules about what an issuer can do, by its metadata and its token answer."""

from typing import Any

from doorward.doctor.evidence.evidence import Evidence
from doorward.doctor.rules.rule import Found, RuleBook

BOOK = RuleBook()
# Without a certificate and without a key of their own, clients have these.
_METHODS = frozenset({"none", "client_secret_basic", "client_secret_post"})


def _said(evidence: Evidence, member: str) -> Any:
    issuer = evidence.issuer
    return None if issuer is None or issuer.used is None else issuer.document.get(member)


@BOOK.rule("code-flow-missing", needs=["issuers"])
def code_flow_missing(evidence: Evidence) -> Found | None:
    """Find metadata that leave the flow out; without the member, it is offered."""
    for member, wanted in (
        ("response_types_supported", "code"),
        ("grant_types_supported", "authorization_code"),
    ):
        offered = _said(evidence, member)
        # "code id_token" is another flow.
        if isinstance(offered, list) and offered and wanted not in offered:
            shown = f"{member}: {', '.join(map(str, offered))}"
            return Found(observed=(shown,), values={"offered": shown})
    return None


@BOOK.rule("pushed-requests-required", needs=["issuers"])
def pushed_requests_required(evidence: Evidence) -> Found | None:
    """Find an issuer that requires PAR of everybody."""
    if _said(evidence, "require_pushed_authorization_requests") is not True:
        return None
    return Found(observed=("require_pushed_authorization_requests is true",))


@BOOK.rule("client-auth-unsupported", needs=["issuers"])
def client_auth_unsupported(evidence: Evidence) -> Found | None:
    """Find a token endpoint for keys and certificates only."""
    offered = _said(evidence, "token_endpoint_auth_methods_supported")
    if not isinstance(offered, list) or not offered or _METHODS.intersection(map(str, offered)):
        return None
    shown = ", ".join(map(str, offered))
    return Found(
        observed=(f"token_endpoint_auth_methods_supported: {shown}",), values={"offered": shown}
    )


@BOOK.rule("token-type-missing", needs=["token"])
def token_type_missing(evidence: Evidence) -> Found | None:
    """Find a token without its type."""
    seen = evidence.token
    if seen is None or not seen.is_issued or seen.token_type:
        return None
    return Found(observed=("The answer has access_token, and no token_type.",))
