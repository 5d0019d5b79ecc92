#!/usr/bin/env bash
# All bursts in sequence, and one table of results: load/all.sh
set -euo pipefail
here=$(dirname "$0")
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
for burst in register login get_user create_order create_payment; do
  FORMAT=json OUTPUT="$results/$burst.json" "$here/$burst.sh"
done
cd "$here/.." && .venv/bin/python -m load.table "$results"/*.json
