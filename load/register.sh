#!/usr/bin/env bash
# Register, each call its own account: load/register.sh [calls] [concurrency]. Each costs a bcrypt hash.
source "$(dirname "$0")/common.sh"
burst argosy.user.v1.UserService.Register "${1:-50}" "${2:-4}" "" --data '{
  "email": "load.{{newUUID}}@example.com", "password": "correct horse", "first_name": "Load", "last_name": "Test"
}'
