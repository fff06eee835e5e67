#!/usr/bin/env bash
# Register a client at the provider with two lines of shell (RFC 7591): ask where, then ask for it.
# KEYCLOAK_URL is Keycloak's address, or the proxy's: KEYCLOAK_URL=http://localhost:9090 bash dcr_example.sh
set -euo pipefail
ISSUER="${JWT_ISSUER:-${KEYCLOAK_URL:-http://localhost:8080}/realms/${KEYCLOAK_REALM:-mcp-realm}}"

ENDPOINT="$(curl -fsS -m 20 "$ISSUER/.well-known/openid-configuration" | python3 -c 'import json, sys; print(json.load(sys.stdin)["registration_endpoint"])')" \
  || { echo "Nothing to be had at $ISSUER. Start Keycloak with keycloak/start.sh, or set KEYCLOAK_URL." >&2; exit 1; }
curl -sS -m 20 --fail-with-body -X POST "$ENDPOINT" -H "Content-Type: application/json" -d '{
  "client_name": "My anonymous client",
  "redirect_uris": ["http://localhost:8081/callback"],
  "grant_types": ["authorization_code"],
  "token_endpoint_auth_method": "none",
  "scope": "mcp:read mcp:tools mcp:prompts"
}' | python3 -m json.tool
