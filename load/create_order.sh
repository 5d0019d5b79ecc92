#!/usr/bin/env bash
# CreateOrder, each call its own order: load/create_order.sh [calls] [concurrency]
source "$(dirname "$0")/common.sh"
session
burst argosy.order.v1.OrderService.CreateOrder "${1:-1000}" "${2:-10}" "$token" --data '{
  "items": [{"product_id": "prod-123", "quantity": 1, "price": 29.99}],
  "shipping_address": {"street": "123 Test St", "city": "Test City", "state": "TS", "zip_code": "12345", "country": "US"}
}'
