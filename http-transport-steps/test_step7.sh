#!/usr/bin/env bash
# Step 7: the server says what it is called and who issues its tokens, and takes no others.
source "$(dirname "$0")/testing.sh"
keys
start 7

get /.well-known/oauth-protected-resource/mcp
check "the protected resource describes itself" 200 "body['resource'] == '$ADDRESS/mcp' and body['authorization_servers'] == ['$ADDRESS']"
check "and says which scopes there are" 200 'body["scopes_supported"] == ["mcp:read", "mcp:tools", "mcp:prompts"]'
get /.well-known/oauth-protected-resource
check "the same at the root" 200 "body['resource'] == '$ADDRESS/mcp'"
get /.well-known/oauth-authorization-server
check "the issuer describes itself" 200 "body['issuer'] == '$ADDRESS' and body['jwks_uri'] == '$ADDRESS/.well-known/jwks.json'"
get /.well-known/jwks.json
check "its keys are where it says" 200 'len(body["keys"]) == 1'
get /.well-known/openid-configuration
check "what there is not is a JSON 404" 404 'body is not None'
get /health
check "/health has the OAuth metadata" 200 "body['oauth']['resource'] == '$ADDRESS/mcp' and body['oauth']['issuer'] == '$ADDRESS'"

ask tools/list '{}'
check "a 401 says where to read on" 401 "headers['www-authenticate'] == 'Bearer resource_metadata=\"$ADDRESS/.well-known/oauth-protected-resource/mcp\"'"

TOKEN="$(token --username alice --scopes mcp:read,mcp:tools)"
ask server/discover '{}'
check "the server's answers carry the OAuth metadata" 200 "body['result']['_meta']['mcp-step-by-step/oauth']['resource'] == '$ADDRESS/mcp'"
old initialize '{"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "curl", "version": "1"}}'
check "so does the older era's first answer" 200 "body['result']['_meta']['mcp-step-by-step/oauth']['issuer'] == '$ADDRESS'"
ask tools/call '{"name": "echo", "arguments": {"message": "hello"}}'
check "a token for this server is served" 200 'body["result"]["content"][0]["text"] == "hello"'

TOKEN="$(token --username alice --audience https://notes.example/mcp)"
ask tools/list '{}'
check "a genuine token for another server is refused" 401 '"issued for another server" in headers["www-authenticate"]'
TOKEN="$(token --username alice --audience "$ADDRESS/mcp-admin")"
ask tools/list '{}'
check "even if the other name begins with ours" 401 '"invalid_token" in headers["www-authenticate"]'

done_with
