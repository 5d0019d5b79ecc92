-- The first hand on requests, and the last on answers. What gRPC's and gRPC-Web's callers are answered passes
-- untouched, but for Retry-After.

local function is_grpc(headers)
  local content_type = headers:get("content-type")
  return content_type ~= nil and string.sub(content_type, 1, 16) == "application/grpc"
end

local ENCODINGS = {identity = true, deflate = true, gzip = true}

-- Headers that mean something in gRPC, with nonsense in them. A service's transport would call the request broken, and
-- the next one on the same connection that has the header too, whoever sent it.
function envoy_on_request(handle)
  local headers = handle:headers()
  local timeout = headers:get("grpc-timeout")
  if timeout ~= nil and (string.len(timeout) > 9 or not string.match(timeout, "^%d+[HMSmun]$")) then
    headers:remove("grpc-timeout")
  end
  local encoding = headers:get("grpc-encoding")
  if encoding ~= nil and not (is_grpc(headers) and ENCODINGS[encoding]) then
    headers:remove("grpc-encoding")
  end
end

local NOT_FOR_REST = {
  "grpc-status", "grpc-message", "grpc-status-details-bin", "grpc-encoding", "grpc-accept-encoding", "trailer",
  "x-http-code", "x-envoy-upstream-healthchecked-cluster",
}

-- The shared count (shared_limit.yaml) says when its window ends. Callers are told when they were refused, in the one
-- header for it.
local function tell_when_the_window_ends(headers)
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
  tell_when_the_window_ends(headers)
  if is_grpc(headers) then
    return
  end
  local status = headers:get(":status")
  -- The service says "created" in a header: gRPC has one way to succeed, HTTP has several.
  if status == "200" and headers:get("x-http-code") == "201" then
    headers:replace(":status", "201")
  end
  -- A stream is a line of JSON a message; the transcoder calls it JSON.
  if status == "200" and headers:get("content-length") == nil and handle:metadata():get("streams") then
    headers:replace("content-type", "application/x-ndjson")
  end
  for _, name in ipairs(NOT_FOR_REST) do
    headers:remove(name)
  end
  -- Where keys could not be fetched the answer became a 503, and the token may be a good one.
  if status ~= "401" then
    headers:remove("www-authenticate")
  end
  if (status == "429" or status == "503") and headers:get("retry-after") == nil then
    headers:add("retry-after", "1")
  end
end
