"""Findings of the sign-in in a browser."""

from doorward.doctor.findings.finding import Blame, Finding, Severity

FINDINGS = (
    Finding(
        code="sign-in-unfinished",
        hop="sign-in",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="The sign-in did not come back ({error}).",
        cause="The browser never reached the redirect URI: the sign-in was not finished, the issuer "
        "showed an error page, or its page does not redirect.",
        fix="Look at the page that the browser shows, and give its text with --saw.",
        decide="An error on the issuer's page names the cause. If its button does nothing, the page's "
        "Content-Security-Policy has a form-action that forbids the redirect.",
        threads=("PrefectHQ/fastmcp#2302", "1mcp-app/agent#403"),
    ),
    Finding(
        code="sign-in-refused",
        hop="sign-in",
        blame=Blame.UNSURE,
        severity=Severity.STOPS,
        title="The issuer ends the sign-in with {error}.",
        cause="The issuer says: {text}",
        fix="Find the refusal in the issuer's log.",
        decide="access_denied: the user or a policy refused. invalid_scope: the server's scopes. "
        "server_error: the issuer.",
    ),
    Finding(
        code="iss-missing",
        hop="sign-in",
        blame=Blame.ISSUER,
        severity=Severity.SOME,
        title="The issuer announces iss in its answer, and does not send it.",
        cause="Strict clients refuse an answer without the iss that the metadata announces.",
        fix="Send iss in every authorization response, or remove "
        "authorization_response_iss_parameter_supported.",
        seen_as=("missing iss",),
        threads=("openai/codex#41836", "n8n-io/n8n#34489"),
        specs=("RFC 9207 §2.4",),
    ),
    Finding(
        code="iss-wrong",
        hop="sign-in",
        blame=Blame.ISSUER,
        severity=Severity.STOPS,
        title="The answer comes from another issuer: {difference}.",
        cause="The issuer passes on the answer of another provider, with that provider's iss.",
        fix="Send the own issuer, {issuer}, as iss.",
        seen_as=("iss mismatch",),
        threads=("openai/codex#41836",),
        specs=("RFC 9207 §2.4",),
    ),
)
