"""Any provider that follows RFC 9068, this package's own authorization server among them."""

from datetime import date

from doorward.idp.preset import Fact, Preset
from doorward.tokens import RFC9068

STANDARD = Preset(
    name="rfc9068",
    title="Any server that follows RFC 9068",
    issuer="https://{host}",
    audience="The resource identifier that the client asked for, usually this server's URL.",
    algorithms=("ES256", "RS256"),
    profile=RFC9068,
    facts=(
        Fact(
            says="typ is at+jwt; iss, exp, aud, sub, client_id, iat and jti are required.",
            source="https://www.rfc-editor.org/rfc/rfc9068#section-2",
            seen=date(2026, 11, 21),
        ),
    ),
)
