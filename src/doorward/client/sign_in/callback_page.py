"""The page that a browser shows at the end of a sign-in, and the bytes that carry it."""

import base64
import hashlib
import html
from collections.abc import Mapping

# The colours and the door are those of the authorization server's pages, from style.css and
# parts.html there. A test compares them: a client does not import a server.
_STYLE = """
:root {
  color-scheme: light dark;
  --wall: #dbe3e1; --paper: #ffffff; --ink: #1b2526; --soft: #526062;
  --door: #17524f; --inlay: #2f7671; --frame: #a9b9b6; --brass: #e0aa45; --light: #ffdd8f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --wall: #0d1315; --paper: #182022; --ink: #e8eceb; --soft: #a5b1b0;
    --door: #79c9bd; --inlay: #4f9f95; --frame: #48575a; --brass: #8a5a0c; --light: #f5c968;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; padding: 1.5rem 1rem 2rem; display: flex; background: var(--wall);
  color: var(--ink); font: 1rem/1.5 -apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, Cantarell,
  "Noto Sans", "Helvetica Neue", Arial, sans-serif;
}
.doorstep { width: 100%; max-width: 27rem; margin: auto; }
header { display: flex; align-items: flex-end; gap: .75rem; padding: 0 1.5rem; }
svg { flex: none; display: block; width: 3.5rem; height: auto; }
.leaf { fill: var(--door); } .panel { fill: none; stroke: var(--inlay); stroke-width: 1.5; }
.frame { fill: none; stroke: var(--frame); stroke-width: 5; } .knob { fill: var(--brass); }
.light { fill: var(--light); }
header p { margin: 0 0 .75rem; color: var(--soft); line-height: 1.25; }
main {
  padding: 1.75rem 1.5rem; border-top: .25rem solid var(--frame); border-radius: .25rem .25rem 1rem 1rem;
  background: var(--paper); box-shadow: 0 .75rem 2rem rgb(0 0 0 / .08);
}
h1 { margin: 0; font-size: 1.625rem; line-height: 1.2; letter-spacing: -.02em; text-wrap: balance; }
main p { margin: .375rem 0 0; color: var(--soft); text-wrap: balance; }
@media (forced-colors: active) {
  main { border: .0625rem solid; } .leaf { fill: CanvasText; } .light { fill: Canvas; }
}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_OPEN = (
    '<path class="light" d="M14 88V36a22 22 0 0 1 44 0v52z"/>'
    '<path class="leaf" d="M14 88V36c0-8 3-14 8-17l3 3V88z"/>'
    '<circle class="knob" cx="22" cy="57" r="2"/>'
)
_SHUT = (
    '<path class="leaf" d="M14 88V36a22 22 0 0 1 44 0v52z"/>'
    '<path class="panel" d="M22 52V37a14 14 0 0 1 28 0v15zM22 60h28v20H22z"/>'
    '<circle class="knob" cx="50" cy="56" r="2.6"/>'
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · Doorward</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<div class="doorstep">
<header><svg viewBox="8 8 56 80" width="56" height="80" aria-hidden="true">{door}<path class="frame" d="M11 88V36a25 25 0 0 1 50 0v52"/></svg><p>Doorward</p></header>
<main><h1>{title}</h1><p>{text}</p></main>
</div>
</body>
</html>
"""
_REASON_PHRASES = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}
_CLOSE = "You can close this window."


def page_for(answer: Mapping[str, str]) -> bytes:
    """
    Return the page for the parameters of an authorization response.

    Does not say that the sign-in succeeded: the response is validated after the browser has
    left. Shows none of the parameters, because whoever sent the browser here chose them.
    """
    if "code" in answer and "error" not in answer:
        return page(200, "Go back to the terminal", f"It finishes the sign-in. {_CLOSE}", _OPEN)
    if answer.get("error") == "access_denied":
        return page(200, "Access was denied", f"The application gets no access. {_CLOSE}")
    return page(200, "The sign-in failed", f"The terminal shows the reason. {_CLOSE}")


def page(status: int, title: str, text: str, door: str = _SHUT) -> bytes:
    """Return an HTTP/1.1 response with a page of our own words."""
    body = _PAGE.format(
        title=html.escape(title), text=html.escape(text), door=door, style=_STYLE
    ).encode()
    headers = (
        f"HTTP/1.1 {status} {_REASON_PHRASES[status]}",
        "Content-Type: text/html; charset=utf-8",
        f"Content-Length: {len(body)}",
        f"Content-Security-Policy: {_CONTENT_SECURITY_POLICY}",
        "X-Content-Type-Options: nosniff",
        "Referrer-Policy: no-referrer",
        "Cache-Control: no-store",
        "Connection: close",
    )
    return "\r\n".join(headers).encode() + b"\r\n\r\n" + body
