-- The first filter for requests, and the last for responses. Responses to gRPC and gRPC-Web clients are not changed,
-- except for Retry-After.

local function is_grpc(headers)
  local content_type = headers:get("content-type")
  return content_type ~= nil and string.sub(content_type, 1, 16) == "application/grpc"
end

local ENCODINGS = {identity = true, deflate = true, gzip = true}

-- Removes gRPC headers with invalid values. A service's transport would fail the request, and also the next one on the
-- same connection with the header, which may be another client's.
local function remove_invalid_grpc_headers(headers)
  local timeout = headers:get("grpc-timeout")
  if timeout ~= nil and (string.len(timeout) > 9 or not string.match(timeout, "^%d+[HMSmun]$")) then
    headers:remove("grpc-timeout")
  end
  local encoding = headers:get("grpc-encoding")
  if encoding ~= nil and not (is_grpc(headers) and ENCODINGS[encoding]) then
    headers:remove("grpc-encoding")
  end
end

-- RFC 9110, 11.1: the scheme is case-insensitive, and spaces separate it from the token. jwt_authn knows one spelling.
local function normalize_authorization(headers)
  local given = headers:get("authorization")
  if given == nil or string.sub(given, 1, 7) == "Bearer " and string.byte(given, 8) ~= 32 then
    return
  end
  local scheme, token = string.match(given, "^(%a+) +(.*)$")
  if scheme ~= nil and string.lower(scheme) == "bearer" then
    headers:replace("authorization", "Bearer " .. token)
  end
end

local function refuse(handle, field, rule)
  local metadata = handle:streamInfo():dynamicMetadata()
  metadata:set("argosy.request", "field", field)
  metadata:set("argosy.request", "description", rule)
  handle:respond({[":status"] = "400"}, field .. ": " .. rule)
end

local REQUEST_BYTES = 262144 -- the contract's default; tests compare it

-- Refuses a request by its headers, before its body is read. (The filter `buffer` limits bodies without Content-Length.)
local function refuse_body(handle, headers)
  local limits = handle:metadata()
  for _, name in ipairs(limits:get("required_headers") or {}) do
    if headers:get(name) == nil then
      return refuse(handle, name, "is required")
    end
  end
  local length = tonumber(headers:get("content-length") or "")
  if length ~= nil and length > (limits:get("max_request_bytes") or REQUEST_BYTES) then
    handle:respond({[":status"] = "413"}, "")
  end
end

function envoy_on_request(handle)
  local headers = handle:headers()
  normalize_authorization(headers)
  remove_invalid_grpc_headers(headers)
  local field = not_text(headers:get(":path") or "")
  if field ~= nil then
    refuse(handle, field, "must be UTF-8")
  elseif headers:get(":method") == "POST" or headers:get("content-length") ~= nil then
    refuse_body(handle, headers)
  end
end

local NOT_FOR_REST = {
  "grpc-status", "grpc-message", "grpc-status-details-bin", "grpc-encoding", "grpc-accept-encoding", "trailer",
  "x-http-code", "x-envoy-upstream-healthchecked-cluster",
}

-- The rate limit service (shared_limit.yaml) returns when its window ends. For a refused request, this becomes
-- Retry-After.
local function set_retry_after(headers)
  local seconds = headers:get("x-ratelimit-reset")
  if seconds == nil then
    return
  end
  if headers:get("x-envoy-ratelimited") ~= nil then
    headers:replace("retry-after", seconds)
  end
  for _, name in ipairs({"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}) do
    headers:remove(name)
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  set_retry_after(headers)
  if is_grpc(headers) then
    return
  end
  local status = headers:get(":status")
  -- The service marks 201 Created with a header, because gRPC has only one success status.
  if status == "200" and headers:get("x-http-code") == "201" then
    headers:replace(":status", "201")
  end
  -- A stream has one line of JSON per message; the transcoder sets application/json.
  if status == "200" and headers:get("content-length") == nil and handle:metadata():get("streams") then
    headers:replace("content-type", "application/x-ndjson")
  end
  for _, name in ipairs(NOT_FOR_REST) do
    headers:remove(name)
  end
  -- If the keys could not be fetched, the status is 503, and the token may be valid.
  if status ~= "401" then
    headers:remove("www-authenticate")
  end
  if (status == "429" or status == "503") and headers:get("retry-after") == nil then
    headers:add("retry-after", "1")
  end
end
