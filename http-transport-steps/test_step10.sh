#!/usr/bin/env bash
# Step 10: a real provider signs people in, and the server fetches its keys.
# Needs a running Keycloak (keycloak/start.sh). ENV_FILE names the settings: keycloak_direct.env or
# keycloak_proxy.env; the proxy has to run for the second.
source "$(dirname "$0")/testing.sh"
ENV_FILE="${ENV_FILE:-keycloak_direct.env}"
# What the environment says goes before the file; here it is the port under test.
export MCP_SERVER_URL="$ADDRESS" JWT_AUDIENCE="$ADDRESS/mcp"
ISSUER="${JWT_ISSUER:-$(sed -n 's/^JWT_ISSUER=//p' "$ENV_FILE")}"
curl -fs -m 20 -o /dev/null "$ISSUER/.well-known/openid-configuration" \
  || fail "a provider answers at $ISSUER (start Keycloak with keycloak/start.sh; and the proxy, for keycloak_proxy.env)"

# password USER PASSWORD SCOPES: a token of Keycloak, by the line of the tutorial.
password() {
  curl -s -X POST "$ISSUER/protocol/openid-connect/token" \
    -H "Content-Type: application/x-www-form-urlencoded" \
    -d "grant_type=password" -d "client_id=mcp-test-client" \
    -d "username=$1" -d "password=$2" -d "scope=$3" \
    | "${PLAIN[@]}" -c 'import json, sys; print(json.load(sys.stdin)["access_token"])'
}

# The same server by the file alone: what is not set falls back, and says so.
( unset MCP_SERVER_URL JWT_AUDIENCE; export JWT_ISSUER="$ISSUER/nowhere"
  step 10 --port "$PORT" --env no-such.env ) >"$WORK/said" 2>&1 && fail "a wrong realm stops the server" || true
grep -q "There is no file no-such.env; the defaults are used." "$WORK/said" || fail "a missing file is said" "$(cat "$WORK/said")"
grep -q "MCP_SERVER_URL is not set; using http://localhost:9000." "$WORK/said" || fail "a default is said" "$(cat "$WORK/said")"
so "a missing file and missing values fall back to the defaults, and say so"
grep -q "knows no $ISSUER/nowhere" "$WORK/said" || fail "a wrong realm is said" "$(cat "$WORK/said")"
so "a wrong realm stops the server with a sentence"

start 10 --env "$ENV_FILE"
get /health
check "/health names the provider" 200 "body['oauth']['issuer'] == '$ISSUER'"
get /.well-known/oauth-protected-resource/mcp
check "so does the metadata" 200 "body['authorization_servers'] == ['$ISSUER'] and body['resource'] == '$ADDRESS/mcp'"
ask tools/list '{}'
check "without a token, 401 says where to read on" 401 "'$ADDRESS/.well-known/oauth-protected-resource/mcp' in headers['www-authenticate'] and 'error=' not in headers['www-authenticate']"

TOKEN="$(password mcp-admin admin123 "openid profile email mcp:read mcp:tools mcp:prompts")"
ask tools/call '{"name": "whoami"}'
check "mcp-admin is known, with roles and scopes" 200 '"admin" in body["result"]["structuredContent"]["roles"] and "mcp:tools" in body["result"]["structuredContent"]["scopes"]'
check "the answer says whom it is for" 200 'headers["mcp-user"] == body["result"]["structuredContent"]["id"]'
ask tools/call '{"name": "echo", "arguments": {"message": "hello"}}'
check "mcp-admin calls a tool" 200 'body["result"]["structuredContent"] == {"result": "hello"}'
ask prompts/get '{"name": "help"}'
check "and gets a prompt" 200 '"messages" in body["result"]'

TOKEN="$(password mcp-readonly readonly123 "openid mcp:read mcp:tools")"
ask tools/call '{"name": "echo", "arguments": {"message": "hello"}}'
check "who lacks a scope is told which" 403 '"error=\"insufficient_scope\"" in headers["www-authenticate"] and "scope=\"mcp:read mcp:tools\"" in headers["www-authenticate"]'
ask tools/list '{}'
check "and sees no tools" 200 'body["result"]["tools"] == []'

TOKEN="$(password mcp-admin admin123 "openid")"
ask tools/list '{}'
check "a token for nobody in particular opens nothing" 401 '"error=\"invalid_token\"" in headers["www-authenticate"]'
TOKEN="${TOKEN%.*}.$(printf 'x%.0s' $(seq 342))"
ask tools/list '{}'
check "nor does one with another signature" 401 '"error=\"invalid_token\"" in headers["www-authenticate"]'
keys
TOKEN="$(token --username admin --scopes mcp:read,mcp:tools --issuer "$ISSUER")"
ask tools/list '{}'
check "nor one that we signed ourselves in the provider's name" 401 '"error=\"invalid_token\"" in headers["www-authenticate"]'

done_with
