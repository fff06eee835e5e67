#!/usr/bin/env bash
# Step 4: tools run, prompts are answered, bad requests are told what is wrong with them.
source "$(dirname "$0")/testing.sh"
start 4

ask tools/call '{"name": "echo", "arguments": {"message": "hello"}}'
check "echo runs" 200 'body["result"]["content"] == [{"type": "text", "text": "hello"}] and not body["result"]["isError"]'
check "a result is structure, too" 200 'body["result"]["structuredContent"] == {"result": "hello"}'
ask tools/call '{"name": "get_time", "arguments": {"timezone": "Europe/Berlin"}}'
check "get_time runs" 200 'body["result"]["content"][0]["text"][:2] == "20" and not body["result"]["isError"]'
old tools/call '{"name": "echo", "arguments": {"message": "hello"}}'
check "the older era calls tools, too" 200 'body["result"]["content"][0]["text"] == "hello"'
ask prompts/get '{"name": "greeting", "arguments": {"name": "Ada"}}'
check "the prompt greeting is answered" 200 '"Ada" in body["result"]["messages"][0]["content"]["text"]'
ask prompts/get '{"name": "help"}'
check "the prompt help is answered" 200 'body["result"]["messages"][0]["role"] == "user"'
ask tools/call '{"name": "countdown", "arguments": {"start": 2}, "_meta": {"progressToken": "p"}}'
check "a tool that reports progress answers with a stream" 200 'headers["content-type"].startswith("text/event-stream") and "notifications/progress" in text and "Lift-off." in text'

ask tools/call '{"name": "echo", "arguments": {"message": 7}}'
check "an argument of the wrong type is told to the model" 200 'body["result"]["isError"]'
ask tools/call '{"name": "echo", "arguments": {"message": "hello", "user": "admin"}}'
check "an argument that nobody asked for is told to the model" 200 'body["result"]["isError"]'
ask tools/call '{"name": "get_time", "arguments": {"timezone": "Nowhere"}}'
check "a tool that fails says why" 200 'body["result"]["isError"] and "Nowhere" in body["result"]["content"][0]["text"]'
ask tools/call '{"name": "nothing", "arguments": {}}'
check "an unknown tool is an error" 400 'body["error"]["code"] == -32602'
ask prompts/get '{"name": "greeting", "arguments": {}}'
check "a prompt without its argument is an error" 400 'body["error"]["code"] == -32602'

"${PLAIN[@]}" -c 'print("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"x\":\"" + "x" * 2000000 + "\"}}")' >"$WORK/large"
get /mcp -X POST -H 'Content-Type: application/json' --data-binary "@$WORK/large"
check "an oversized body is refused" 413

done_with
