#!/usr/bin/env bash
# Step 11: the client finds out who signs people in, and signs its user in there.
# Needs a running Keycloak, as test_step10.sh does. A browser opens twice: sign in as mcp-admin with
# the password admin123, and choose Yes. BROWSER can name a program that does this.
source "$(dirname "$0")/testing.sh"
ENV_FILE="${ENV_FILE:-keycloak_direct.env}"
export MCP_SERVER_URL="$ADDRESS" JWT_AUDIENCE="$ADDRESS/mcp"
ISSUER="${JWT_ISSUER:-$(sed -n 's/^JWT_ISSUER=//p' "$ENV_FILE")}"
curl -fs -m 20 -o /dev/null "$ISSUER/.well-known/openid-configuration" \
  || fail "a provider answers at $ISSUER (start Keycloak with keycloak/start.sh; and the proxy, for keycloak_proxy.env)"
HERE="$PWD"

# client ARGUMENTS...: run the client in a folder of its own; fills STATUS and BODY.
client() {
  local pid
  STATUS=0
  ( cd "$WORK" && PYTHONPATH="${PYTHONPATH:-}" UV_PROJECT="$HERE" step 11 --server "$ADDRESS/mcp" "$@" ) >"$WORK/body" 2>&1 &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    if grep -q 'No browser could be opened' "$WORK/body"; then
      kill "$pid" 2>/dev/null || true
      wait "$pid" 2>/dev/null || true
      fail "a browser opens (set BROWSER to a program that opens the URL in its first argument)"
    fi
    sleep 0.2
  done
  wait "$pid" || STATUS=$?
  : >"$WORK/headers"
  BODY="$(cat "$WORK/body")"
}

DCR="$(JWT_ISSUER="$ISSUER" bash dcr_example.sh)" || fail "dcr_example.sh registers a client" "$DCR"
case "$DCR" in *'"client_id"'*) so "dcr_example.sh registers a client" ;; *) fail "dcr_example.sh registers a client" "$DCR" ;; esac

client
check "without a server, the client says so in a sentence" 1 "'Is it an MCP server, and running?' in text and 'Traceback' not in text"

start 10 --env "$ENV_FILE"
client --prompt help
check "the client comes to its prompt" 0 "'\"messages\"' in text"
check "the first call gets 401" 0 "'/mcp prompts/get help → 401' in text"
check "which leads to the server's metadata" 0 "'GET $ADDRESS/.well-known/oauth-protected-resource/mcp → 200' in text"
check "and to the provider's" 0 "'/.well-known/o' in text and '$ISSUER'.split('/realms')[0] in text"
check "the client registers" 0 "'/clients-registrations/openid-connect → 201' in text"
check "the browser goes with state and PKCE" 0 "text.count('code_challenge_method: S256') == 2 and 'state: ' in text"
check "it comes back by itself, and says from whom" 0 "text.count('browser came back') == 2 and text.count('iss: $ISSUER') == 2"
check "the code becomes a token for this server" 0 "'/token → 200' in text and 'resource: $ADDRESS/mcp' in text"
check "a scope that is missing is asked for once more" 0 "'/mcp prompts/get help → 403' in text and 'scope: mcp:prompts mcp:read mcp:tools' in text"
# What is shown of a value is six characters and a dot for the rest; a token's are "eyJ" and more.
check "no secret is printed" 0 "not __import__('re').search(r'eyJ[\\w-]{7}|(code|state|code_verifier): [\\w.-]{7}', text)"
grep -q "\"$ISSUER\"" "$WORK/client_credentials.json" || fail "the client is kept under its issuer's name"
so "the client is kept under its issuer's name"

client --tool whoami
check "the next run needs no new client" 0 "'clients-registrations' not in text"
check "and calls a tool in the user's name" 0 "'mcp:tools' in text.partition('structuredContent')[2] and '→ 403' not in text"

STEP=11
done_with
