#!/usr/bin/env bash
# Step 5: the public key comes from a file and is published; generate_token.py makes tokens.
source "$(dirname "$0")/testing.sh"

stops "without a key file, the server does not start and says what to do" "--generate-keys" 5 --port 0

keys
[ "$(stat -c %a "$WORK/mcp_private_key.pem" 2>/dev/null || stat -f %Lp "$WORK/mcp_private_key.pem")" = 600 ] ||
  fail "the private key is its owner's alone"
so "the private key is its owner's alone"
start 5

get /health
check "the server is healthy" 200 'body["status"] == "healthy"'
get /.well-known/jwks.json
check "the key set has one key" 200 'len(body["keys"]) == 1'
check "the key says what it is for" 200 'body["keys"][0]["use"] == "sig" and body["keys"][0]["alg"] == "RS256" and body["keys"][0]["kid"]'
check "nothing private is published" 200 'not {"d", "p", "q", "dp", "dq", "qi"} & set(body["keys"][0])'

KID="$("${PLAIN[@]}" -c 'import json, sys; print(json.load(open(sys.argv[1]))["keys"][0]["kid"])' "$WORK/body")"
TOKEN="$(token --username alice --scopes mcp:read,mcp:tools)"
claims="$(TOKEN="$TOKEN" KID="$KID" ADDRESS="$ADDRESS" "${PLAIN[@]}" -c '
import base64, json, os
head, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in os.environ["TOKEN"].split(".")[:2])
address = os.environ["ADDRESS"]
wrong = [name for name, so in {
    "alg": head["alg"] == "RS256", "typ": head["typ"] == "at+jwt", "kid": head["kid"] == os.environ["KID"],
    "sub": claims["sub"] == "alice", "scope": claims["scope"] == "mcp:read mcp:tools", "roles": claims["roles"] == ["user"],
    "exp": claims["exp"] - claims["iat"] == 3600, "iss": claims["iss"] == address, "aud": claims["aud"] == address + "/mcp",
    "jti": bool(claims["jti"]), "client_id": bool(claims["client_id"])}.items() if not so]
print(" ".join(wrong))')"
[ -z "$claims" ] || fail "a token has its claims: $claims"
so "generate_token.py makes a token with user, scopes, roles and expiration"

ask tools/call '{"name": "echo", "arguments": {"message": "hello"}}'
check "tools run" 200 'body["result"]["content"][0]["text"] == "hello"'
ask tools/call '{"name": "countdown", "arguments": {"start": 2}, "_meta": {"progressToken": "p"}}'
check "progress is reported" 200 '"notifications/progress" in text and "Lift-off." in text'

done_with
