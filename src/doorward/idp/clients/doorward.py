"""Doorward's own client."""

from doorward.idp.clients.client import PORT, SEEN, McpClient
from doorward.idp.facts import Source
from doorward.wire.shell_command import shell_command

_OURS = Source("https://www.rfc-editor.org/rfc/rfc8252#section-7.3", SEEN)

DOORWARD = McpClient(
    name="doorward",
    title="doorward login",
    redirect_uris=_OURS.says((f"http://127.0.0.1:{PORT}/callback",)),
    client_id=_OURS.says(
        shell_command("doorward", "login", "URL", "--client-id", "ID", "--port", str(PORT))
    ),
    client_secret=_OURS.says("Add --client-secret-file FILE --issuer ISSUER"),
    facts=(_OURS.says("The client id, its secret and the port are stored for the next sign-in."),),
)
