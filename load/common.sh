# Functions of the load scripts: one bounded burst of calls by ghz. FORMAT=json OUTPUT=FILE keeps the figures for load.table.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# burst RPC CALLS AT_ONCE TOKEN DATA-OPTION DATA; a call without a token passes ""
burst() {
  local metadata='{}'
  [[ -z $4 ]] || metadata="{\"authorization\": \"Bearer $4\"}"
  echo "$1: $2 calls, $3 at once" >&2
  .venv/bin/ghz --insecure --protoset generated/descriptors.binpb --call "$1" --total "$2" --concurrency "$3" \
    --timeout 30s --metadata "$metadata" "$5" "$6" --format "${FORMAT:-summary}" ${OUTPUT:+--output "$OUTPUT"} \
    "${TARGET:-127.0.0.1:$((8080 + ${ARGOSY_PORT_OFFSET:-0}))}"
}

# session: registers an account and sets its $email, $password and $token
session() {
  read -r email password token < <(.venv/bin/python -m load.session "$@")
}
