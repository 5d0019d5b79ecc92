#!/usr/bin/env bash
# CreatePayment, each call for its own order, placed before: load/create_payment.sh [calls] [concurrency]
source "$(dirname "$0")/common.sh"
requests=$(mktemp)
trap 'rm -f "$requests"' EXIT
session "${1:-100}" "$requests"
burst argosy.payment.v1.PaymentService.CreatePayment "${1:-100}" "${2:-5}" "$token" --data-file "$requests"
