#!/usr/bin/env bash
# Step 1: the server starts, says that it is healthy, and listens on this machine alone.
source "$(dirname "$0")/testing.sh"
start 1

get /health
check "/health says that the server is healthy" 200 'body["status"] == "healthy"'
check "/health names the one public address" 200 "body['address'] == '$ADDRESS'"

get /nothing
check "an unknown path is a JSON 404" 404 'body is not None'

if listening="$(step 1 --host 0.0.0.0 --port 0 2>&1)"; then
  fail "the server refuses to listen on every network"
fi
case "$listening" in *"not this machine alone"*) so "the server refuses to listen on every network" ;;
  *) fail "the refusal says what is wrong" "$listening" ;; esac

if taken="$(step 1 --port "$PORT" 2>&1)"; then
  fail "a second server on the same port is refused"
fi
case "$taken" in *"choose another with --port"*) so "a port in use is one sentence with what to do" ;;
  *) fail "the refusal says what to do" "$taken" ;; esac

done_with
