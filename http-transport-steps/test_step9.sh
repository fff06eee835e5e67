#!/usr/bin/env bash
# Step 9: the server knows its user: in its tools, in its answers, and in no shared cache.
source "$(dirname "$0")/testing.sh"
keys
start 9

get /health
check "/health has the OAuth metadata" 200 "body['oauth']['resource'] == '$ADDRESS/mcp'"

TOKEN="$(token --username alice --scopes mcp:read,mcp:tools,mcp:prompts)"
ask tools/call '{"name": "whoami"}'
check "whoami knows alice" 200 'body["result"]["structuredContent"] == {"id": "alice", "scopes": ["mcp:prompts", "mcp:read", "mcp:tools"], "roles": ["user"]}'
check "the answer says in a header whom it is for" 200 'headers["mcp-user"] == "alice"'
check "and in its metadata" 200 'body["result"]["_meta"]["mcp-step-by-step/user"] == {"id": "alice", "roles": ["user"]}'
check "no shared cache may keep it" 200 'headers["cache-control"] == "private, no-store" and headers["vary"].lower().startswith("authorization")'
ask tools/list '{}'
check "a list is for its user alone" 200 'body["result"]["cacheScope"] == "private"'
ask tools/call '{"name": "read_notes"}'
check "alice reads her own notes" 200 '"milk" in text'
ask tools/call '{"name": "read_notes", "arguments": {"user": "admin"}}' -H 'X-User: admin' -H 'mcp-user: admin'
check "nobody is who they say in an argument" 200 'body["result"]["isError"] and "safe" not in text'
ask tools/call '{"name": "read_notes", "_meta": {"mcp-step-by-step/user": {"id": "admin"}}}' -H 'X-User: admin' -H 'mcp-user: admin'
check "nor in a header or in _meta" 200 '"milk" in text and "safe" not in text'
ask prompts/get '{"name": "greeting"}'
check "the greeting is for alice" 200 '"alice" in body["result"]["messages"][0]["content"]["text"]'

TOKEN="$(token --username bob --scopes mcp:read,mcp:tools)"
ask tools/call '{"name": "read_notes"}'
check "bob reads his own notes" 200 '"Call Alice" in text'
ask tools/call '{"name": "list_users"}'
check "bob is no administrator" 403
TOKEN="$(token --username admin --scopes mcp:read,mcp:tools)"
ask tools/call '{"name": "list_users"}'
check "admin is" 200 'not body["result"]["isError"]'
TOKEN="$(token --username guest --scopes "")"
ask tools/call '{"name": "whoami"}'
check "a guest is told all the scopes that are needed" 403 '"scope=\"mcp:read mcp:tools\"" in headers["www-authenticate"]'
TOKEN=""
ask tools/list '{}'
check "without a token, 401 says where to read on" 401 "'$ADDRESS/.well-known/oauth-protected-resource/mcp' in headers['www-authenticate']"

done_with
