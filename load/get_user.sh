#!/usr/bin/env bash
# GetUser of one user: load/get_user.sh [calls] [concurrency]
source "$(dirname "$0")/common.sh"
session
burst argosy.user.v1.UserService.GetUser "${1:-5000}" "${2:-20}" "$token" --data '{"id": "me"}'
