#!/usr/bin/env bash
# Step 1: the server starts, says that it is healthy, and listens on this machine only.
source "$(dirname "$0")/testing.sh"
start 1

get /health
check "/health says that the server is healthy" 200 'body["status"] == "healthy"'
check "/health names the one public address" 200 "body['address'] == '$ADDRESS'"

get /nothing
check "an unknown path is a JSON 404" 404 'body is not None'

stops "the server refuses to listen on every network" "lets other machines in" 1 --host 0.0.0.0 --port 0
stops "a port in use is one sentence with what to do" "choose another with --port" 1 --port "$PORT"

done_with
