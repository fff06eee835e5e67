#!/usr/bin/env bash
# Step 2: /mcp reads JSON-RPC, answers in both eras of MCP, and answers this machine only.
source "$(dirname "$0")/testing.sh"
start 2

get /health
check "/health says where /mcp is" 200 "body['mcp'] == '$ADDRESS/mcp'"

ask server/discover '{}'
check "server/discover names the version" 200 'body["result"]["supportedVersions"] == ["2026-07-28"]'
check "the answer has the id of the request" 200 'body["jsonrpc"] == "2.0" and body["id"] == 1'
old initialize '{"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "curl", "version": "1"}}'
check "initialize settles on the older version" 200 'body["result"]["protocolVersion"] == "2025-11-25"'
old ping '{}'
check "ping is answered" 200 'body["result"] == {}'
post '{"jsonrpc":"2.0","method":"notifications/initialized"}'
check "a notification is taken without an answer" 202 'text == ""'

ask nothing/here '{}'
check "an unknown method is an error" 404 'body["error"]["code"] == -32601'
post 'this is not JSON'
check "what is not JSON is a parse error" 400 'body["error"]["code"] == -32700'
post '[]'
check "a batch is no message" 400 'body["error"]["code"] == -32600'
post '{"jsonrpc":"1.0","id":1,"method":"ping"}'
check "another JSON-RPC is no message" 400 'body["error"]["code"] == -32600'
post '{"jsonrpc":"2.0","id":true,"method":"ping"}'
check "an id is a text or a whole number" 400 'body["error"]["code"] == -32600'
post '{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}' -H 'MCP-Protocol-Version: 2026-07-28'
check "a request of 2026-07-28 needs Mcp-Method" 400 'body["error"]["code"] == -32020'
get /mcp
check "GET is no way to send a message" 405

get /health -H 'Host: rebound.example'
check "another host name is refused" 421
ask server/discover '{}' -H 'Origin: https://evil.example'
check "a foreign web page is refused" 403

done_with
