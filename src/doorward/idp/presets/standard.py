"""Any provider that follows RFC 9068, this package's own authorization server among them."""

from datetime import date

from doorward.idp.facts import Source
from doorward.idp.preset import Preset
from doorward.tokens import RFC9068

_RFC = Source("https://www.rfc-editor.org/rfc/rfc9068#section-2", date(2026, 11, 21))
_METADATA = Source("https://www.rfc-editor.org/rfc/rfc8414#section-3", date(2026, 11, 21))

STANDARD = Preset(
    name="rfc9068",
    title="Any server that follows RFC 9068",
    issuer="https://{host}",
    discovery=_METADATA.says(("https://{host}/.well-known/oauth-authorization-server",)),
    audience="The resource identifier that the client asked for, usually this server's URL.",
    algorithms=("ES256", "RS256"),
    profile=RFC9068,
    claims=_RFC.says(
        "typ is at+jwt; iss, exp, aud, sub, client_id, iat and jti are required; scope is a text."
    ),
)
