#!/usr/bin/env bash
# Step 8: scopes and roles decide. 403 names all the scopes; lists show what may be called.
source "$(dirname "$0")/testing.sh"
keys
start 8

TOKEN="$(token --username alice --scopes mcp:read,mcp:tools)"
ask tools/call '{"name": "echo", "arguments": {"message": "hello"}}'
check "alice may use tools" 200 'body["result"]["content"][0]["text"] == "hello"'
ask tools/list '{}'
check "alice sees the tools that she may call" 200 '"echo" in text and "list_users" not in text'
ask tools/call '{"name": "list_users"}'
check "alice is no administrator" 403 '"www-authenticate" not in headers'
ask prompts/get '{"name": "greeting", "arguments": {"name": "Ada"}}'
check "alice has no scope for prompts" 403 '"error=\"insufficient_scope\"" in headers["www-authenticate"]'
check "and is told all the scopes at once" 403 '"scope=\"mcp:prompts mcp:read\"" in headers["www-authenticate"]'
ask prompts/list '{}'
check "alice sees no prompts" 200 'body["result"]["prompts"] == []'

TOKEN="$(token --username bob --scopes mcp:read,mcp:prompts)"
ask prompts/get '{"name": "greeting", "arguments": {"name": "Ada"}}'
check "bob may use prompts" 200 '"Ada" in text'
ask tools/call '{"name": "echo", "arguments": {"message": "hello"}}'
check "bob has no scope for tools" 403 '"scope=\"mcp:read mcp:tools\"" in headers["www-authenticate"]'

TOKEN="$(token --username admin --scopes mcp:read,mcp:tools,mcp:prompts)"
ask tools/call '{"name": "list_users"}'
check "admin may list the users" 200 '"alice" in text'
ask tools/list '{}'
check "admin sees the tool for administrators" 200 '"list_users" in text'

TOKEN="$(token --username guest --scopes "")"
ask tools/list '{}'
check "a guest without scopes may not even look" 403 '"scope=\"mcp:read\"" in headers["www-authenticate"]'
TOKEN="$(token --username guest --scopes mcp:read)"
ask tools/list '{}'
check "a guest who may look sees nothing to call" 200 'body["result"]["tools"] == []'
TOKEN="$(token --username guest --scopes mcp:read,mcp:tools)"
ask tools/call '{"name": "echo", "arguments": {"message": "hello"}}'
check "a guest calls nothing, whatever the scopes" 403 '"www-authenticate" not in headers'

TOKEN="$(token --username alice --scopes mcp:admin)"
ask tools/call '{"name": "echo", "arguments": {"message": "hello"}}'
check "mcp:admin contains the other scopes" 200 'body["result"]["content"][0]["text"] == "hello"'
TOKEN=""
ask tools/list '{}'
check "without a token, 401 says what to ask for" 401 '"scope=\"mcp:read\"" in headers["www-authenticate"] and "error" not in headers["www-authenticate"]'

done_with
