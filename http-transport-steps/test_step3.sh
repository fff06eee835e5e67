#!/usr/bin/env bash
# Step 3: tools and prompts are defined and listed; nothing runs; one reader, one meaning.
source "$(dirname "$0")/testing.sh"
start 3

ask server/discover '{}'
check "the server says that it has tools and prompts" 200 'set(body["result"]["capabilities"]) == {"tools", "prompts"}'
ask tools/list '{}'
check "the tools are echo and get_time, in this order" 200 '[one["name"] for one in body["result"]["tools"]] == ["echo", "get_time"]'
check "echo takes a text, and nothing else" 200 'body["result"]["tools"][0]["inputSchema"] == {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"], "additionalProperties": False}'
check "every tool has a description" 200 'all(one["description"] for one in body["result"]["tools"])'
ask prompts/list '{}'
check "the prompts are greeting and help" 200 '[one["name"] for one in body["result"]["prompts"]] == ["greeting", "help"]'
check "greeting takes a name" 200 'body["result"]["prompts"][0]["arguments"] == [{"name": "name", "required": True}]'
old tools/list '{}'
check "the older era sees the same tools" 200 '[one["name"] for one in body["result"]["tools"]] == ["echo", "get_time"]'

ask tools/call '{"name": "echo", "arguments": {"message": "hello"}}'
check "no tool runs yet" 404 'body["error"]["code"] == -32601'

old ping '{}' -H 'Mcp-Method: tools/list'
check "a header that says something else is refused" 400 'body["error"]["code"] == -32020'
post '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}'
check "a member that comes twice is refused" 400 'body["error"]["code"] == -32700'

done_with
