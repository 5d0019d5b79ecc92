#!/usr/bin/env bash
# GetUser, again and again: load/get_user.sh [calls] [at once]
source "$(dirname "$0")/common.sh"
session
burst argosy.user.v1.UserService.GetUser "${1:-5000}" "${2:-20}" "$token" --data '{"id": "me"}'
