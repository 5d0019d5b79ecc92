#!/usr/bin/env bash
# Login of one account: load/login.sh [calls] [concurrency]. Each costs a bcrypt hash.
source "$(dirname "$0")/common.sh"
session
burst argosy.user.v1.UserService.Login "${1:-50}" "${2:-4}" "" --data "{\"email\": \"$email\", \"password\": \"$password\"}"
