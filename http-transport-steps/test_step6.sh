#!/usr/bin/env bash
# Step 6: a token is required on /mcp; the user is known; missing, bad and expired tokens are told apart.
source "$(dirname "$0")/testing.sh"
keys
start 6

get /health
check "/health needs no token" 200 'body["status"] == "healthy"'
get /.well-known/jwks.json
check "the keys need no token" 200 'len(body["keys"]) == 1'

ask tools/list '{}'
check "without a token, /mcp answers 401" 401
check "and names no error, for nothing was wrong" 401 'headers["www-authenticate"] == "Bearer"'

TOKEN="$(token --username alice --scopes mcp:read,mcp:tools)"
ask tools/call '{"name": "echo", "arguments": {"message": "hello"}}'
check "with a token, tools run" 200 'body["result"]["content"][0]["text"] == "hello"'
old initialize '{"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "curl", "version": "1"}}'
check "with a token, the older era begins" 200 '"serverInfo" in body["result"]'
get /me -H "Authorization: Bearer $TOKEN"
check "the user context is the token's" 200 'body == {"id": "alice", "scopes": ["mcp:read", "mcp:tools"], "roles": ["user"]}'
get /me
check "/me needs a token" 401

GOOD="$TOKEN"
TOKEN="${GOOD%?????}AAAAA"
ask tools/list '{}'
check "a changed signature is an invalid token" 401 '"invalid_token" in headers["www-authenticate"]'
TOKEN="not.a.token"
ask tools/list '{}'
check "what is no token is an invalid token" 401 '"invalid_token" in headers["www-authenticate"]'
TOKEN="$(token --username alice --expires 1s)"
"${PLAIN[@]}" -c 'import time; time.sleep(2)'
ask tools/list '{}'
check "an expired token is told that it has expired" 401 '"expired" in headers["www-authenticate"]'
TOKEN="$("${RUN[@]}" generate_token.py --username alice --issuer https://elsewhere.example)"
ask tools/list '{}'
check "a token of another issuer is refused" 401 '"invalid_token" in headers["www-authenticate"]'
TOKEN="$(GOOD="$GOOD" "${PLAIN[@]}" -c 'import base64, os
none = base64.urlsafe_b64encode(b"{\"alg\":\"none\",\"typ\":\"at+jwt\"}").rstrip(b"=").decode()
print(none + "." + os.environ["GOOD"].split(".")[1] + ".")')"
ask tools/list '{}'
check "a token that says it needs no signature is refused" 401 '"invalid_token" in headers["www-authenticate"]'

done_with
