# What the load scripts share: a signed-in caller, and one bounded burst of calls by ghz.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# burst RPC CALLS AT_ONCE REQUEST
burst() {
  local id token
  read -r id token < <(.venv/bin/python -m load.session)
  echo "$1: $2 calls, $3 at once, as $id"
  .venv/bin/ghz --insecure --protoset generated/descriptors.binpb --call "$1" --total "$2" --concurrency "$3" \
    --timeout 30s --metadata "{\"authorization\": \"Bearer $token\"}" --data "$4" \
    "${TARGET:-127.0.0.1:$((8080 + ${ARGOSY_PORT_OFFSET:-0}))}"
}
