# What every test_stepN.sh needs: start the step, ask it things, stop at the first wrong answer.
# Sourced, not run. PORT is the port to use (default 9000); SOURCE may name another folder with
# an mcp_http package in it, which is how the tests break a step and see its script notice.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

PORT="${PORT:-9000}"
ADDRESS="http://localhost:$PORT"
WORK="$(mktemp -d)"
export MCP_KEYS="$WORK"
SERVER=""
CHECKED=0
# PYTHON is an interpreter that has the steps installed; without one, uv finds it.
if [ -n "${PYTHON:-}" ]; then RUN=("$PYTHON"); else RUN=(uv run python); fi
# Python without packages, which starts in no time.
PLAIN=("${PYTHON:-python3}" -I -S)

finish() {
  status=$?
  if [ -n "$SERVER" ]; then kill "$SERVER" 2>/dev/null || true; wait "$SERVER" 2>/dev/null || true; fi
  rm -rf "$WORK"
  exit "$status"
}
trap finish EXIT

fail() {
  echo "FAILED: $1" >&2
  if [ -n "${2:-}" ]; then echo "$2" | head -c 2000 >&2; echo >&2; fi
  exit 1
}

so() {
  CHECKED=$((CHECKED + 1))
  echo "ok: $1"
}

# step N ARGUMENTS...: run step N in the foreground.
step() {
  local command=(uv run "step$1")
  if [ -n "${PYTHON:-}" ]; then command=("$PYTHON" -c "from mcp_http.step$1 import main; main()"); fi
  shift
  PYTHONPATH="${SOURCE:-}${PYTHONPATH:+:$PYTHONPATH}" exec "${command[@]}" "$@"
}

# stops WHAT WORDS N ARGUMENTS...: step N ends by itself, with a failure, and says WORDS.
stops() {
  local what="$1" words="$2" pid
  shift 2
  step "$@" >"$WORK/said" 2>&1 &
  pid=$!
  for _ in $(seq 1 300); do
    kill -0 "$pid" 2>/dev/null || break
    if grep -q -e 'Listening on' -e 'startup complete' "$WORK/said"; then break; fi
    sleep 0.1
  done
  if kill "$pid" 2>/dev/null; then
    wait "$pid" 2>/dev/null || true
    fail "$what (it runs)" "$(cat "$WORK/said")"
  fi
  if wait "$pid"; then fail "$what (it ended as if all were well)" "$(cat "$WORK/said")"; fi
  grep -q -- "$words" "$WORK/said" || fail "$what (it does not say: $words)" "$(cat "$WORK/said")"
  so "$what"
}

# start N ARGUMENTS...: run step N and wait until it answers.
start() {
  STEP="$1"
  shift
  if "${PLAIN[@]}" -c "import socket; socket.create_connection(('127.0.0.1', $PORT), 1)" 2>/dev/null; then
    fail "port $PORT is free (stop what runs there, or choose another: PORT=9100 bash test_step$STEP.sh)"
  fi
  step "$STEP" --port "$PORT" "$@" >"$WORK/server.log" 2>&1 &
  SERVER=$!
  for _ in $(seq 1 300); do
    if curl -s -o /dev/null "$ADDRESS/health"; then return; fi
    kill -0 "$SERVER" 2>/dev/null || fail "step $STEP starts" "$(cat "$WORK/server.log")"
    sleep 0.1
  done
  fail "step $STEP answers within 30 seconds" "$(cat "$WORK/server.log")"
}

keys() { "${RUN[@]}" generate_token.py --generate-keys 2>/dev/null; }

# token ARGUMENTS...: a token for the server under test.
token() {
  "${RUN[@]}" generate_token.py --audience "$ADDRESS/mcp" --issuer "$ADDRESS" "$@"
}

# get PATH [CURL ARGUMENTS...]: fills STATUS, HEADERS and BODY.
get() {
  local path="$1"
  shift
  STATUS="$(curl -s -m 20 -D "$WORK/headers" -o "$WORK/body" -w '%{http_code}' "$@" "$ADDRESS$path")"
  HEADERS="$(tr -d '\r' <"$WORK/headers")"
  BODY="$(cat "$WORK/body")"
}

# post JSON [CURL ARGUMENTS...]: one POST to /mcp, as it is.
post() {
  local body="$1"
  shift
  get /mcp -X POST -H 'Content-Type: application/json' \
    -H 'Accept: application/json, text/event-stream' --data-binary "$body" "$@"
}

# ask METHOD PARAMS [CURL ARGUMENTS...]: a request of 2026-07-28, as a conforming client sends it.
# PARAMS is a JSON object; TOKEN, when set, goes along.
ask() {
  local method="$1" params="$2" body name
  shift 2
  { read -r name && read -r body; } < <(METHOD="$method" PARAMS="$params" "${PLAIN[@]}" -c '
import json, os
meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
params = json.loads(os.environ["PARAMS"])
params["_meta"] = {**meta, **params.get("_meta", {})}
print(params.get("name", ""))
print(json.dumps({"jsonrpc": "2.0", "id": 1, "method": os.environ["METHOD"], "params": params}))')
  local extra=(-H 'MCP-Protocol-Version: 2026-07-28' -H "Mcp-Method: $method")
  if [ -n "$name" ]; then extra+=(-H "Mcp-Name: $name"); fi
  if [ -n "${TOKEN:-}" ]; then extra+=(-H "Authorization: Bearer $TOKEN"); fi
  post "$body" "${extra[@]}" "$@"
}

# old METHOD PARAMS: a request of the era before, which begins with initialize.
old() {
  local method="$1" params="$2"
  shift 2
  local extra=(-H 'MCP-Protocol-Version: 2025-11-25')
  if [ -n "${TOKEN:-}" ]; then extra+=(-H "Authorization: Bearer $TOKEN"); fi
  post "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$method\",\"params\":$params}" "${extra[@]}" "$@"
}

# check WHAT STATUS [EXPRESSION]: the last answer has this status, and EXPRESSION is true of it.
# In EXPRESSION, `body` is the JSON body, `text` the body as text, `headers` the headers in lower case.
check() {
  local what="$1" status="$2" expression="${3:-True}"
  [ "$STATUS" = "$status" ] || fail "$what (status $STATUS, not $status)" "$BODY"
  if ! EXPRESSION="$expression" "${PLAIN[@]}" - "$WORK" <<'PYTHON'; then fail "$what ($expression)" "$BODY"; fi
import json, os, pathlib, sys
folder = pathlib.Path(sys.argv[1])
text = (folder / "body").read_text()
lines = (folder / "headers").read_text().splitlines()[1:]
headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
try:
    body = json.loads(text)
except ValueError:
    body = None
try:
    so = eval(os.environ["EXPRESSION"])
except (AttributeError, LookupError, TypeError) as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    so = False
sys.exit(0 if so else 1)
PYTHON
  so "$what"
}

done_with() { echo "step $STEP: $CHECKED checks passed"; }
