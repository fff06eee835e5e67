"""Findings about CORS: what clients in a browser may see."""

from doorward.doctor.findings.finding import Blame, Finding, Severity

_SEEN = ("Failed to fetch", "blocked by CORS policy")
_WHO = "Only clients in a browser are affected, such as the MCP Inspector."

FINDINGS = (
    Finding(
        code="cors-preflight-refused",
        hop="cors",
        blame=Blame.SERVER,
        follows=("challenge-not-bearer",),
        severity=Severity.SOME,
        title="The preflight of a browser is refused ({answer}).",
        cause=f"Authentication runs before CORS, so OPTIONS gets no permission. {_WHO}",
        fix="Answer OPTIONS before authentication, with Access-Control-Allow-Origin, -Methods "
        "(POST, GET, DELETE) and -Headers (authorization, content-type, mcp-protocol-version, "
        "mcp-session-id, mcp-method, mcp-name).",
        fixes={"uvicorn": "Add Starlette's CORSMiddleware last, so that it is the outermost."},
        seen_as=_SEEN,
        threads=("modelcontextprotocol/typescript-sdk#715", "better-auth/better-auth#10272"),
    ),
    Finding(
        code="cors-token-not-allowed",
        hop="cors",
        blame=Blame.SERVER,
        severity=Severity.SOME,
        title="The preflight does not allow the Authorization header ({got}).",
        cause="Browsers send no token to such a server. The wildcard * does not include "
        f"Authorization. {_WHO}",
        fix="Name authorization in Access-Control-Allow-Headers, beside content-type, "
        "mcp-protocol-version, mcp-session-id, mcp-method and mcp-name.",
        seen_as=_SEEN,
        specs=("WHATWG Fetch §4.9",),
    ),
    Finding(
        code="cors-refusal-unreadable",
        hop="cors",
        blame=Blame.SERVER,
        severity=Severity.SOME,
        title="A browser cannot read the 401.",
        cause=f"The 401 has no Access-Control-Allow-Origin, so the client sees no challenge. {_WHO}",
        fix="Add the CORS headers to every answer, errors included.",
        follows=(
            "challenge-not-bearer",
            "cors-preflight-refused",
        ),
        seen_as=_SEEN,
        threads=("modelcontextprotocol/inspector#402",),
    ),
    Finding(
        code="cors-challenge-hidden",
        hop="cors",
        blame=Blame.SERVER,
        severity=Severity.SOME,
        title="A browser hides the WWW-Authenticate header from the client.",
        cause=f"The header is not in Access-Control-Expose-Headers. {_WHO}",
        fix="Send Access-Control-Expose-Headers: WWW-Authenticate, Mcp-Session-Id.",
        follows=("cors-preflight-refused", "cors-refusal-unreadable"),
        seen_as=_SEEN,
        threads=("anthropics/claude-ai-mcp#247",),
    ),
)
