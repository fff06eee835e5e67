#!/bin/sh
# Start Keycloak with the tutorial's realm. Needs python3 (3.11 or newer), Java and Maven; see --help.
here=$(cd "$(dirname "$0")" && pwd)
PYTHONPATH="${here%/*}${PYTHONPATH:+:$PYTHONPATH}" exec "${PYTHON:-python3}" -m keycloak "$@"
