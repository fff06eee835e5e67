"""Who is who in a run: names that servers, tokens and requests agree on."""

ISSUER = "https://issuer.example"
# Every server is asked for under this name, whatever port it really listens on: so that one token
# is good at all of them, and each may check its Host.
HOST = "127.0.0.1:9000"
RESOURCE = f"http://{HOST}/mcp"
SCOPE = "mcp:tools"
