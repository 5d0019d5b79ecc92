-- Sessions of browsers. A script of a page asks for one with the header `x-session: cookie`: the token then travels in a
-- cookie that no script can read, and never in a body. Other clients are not affected.
--
-- A form or a link of another site cannot send the header, and CORS (routes.yaml) does not allow it to other origins. So
-- a request that carries the cookie without it is a request without a token.

-- COOKIE and ATTRIBUTES: edge/render.py.

-- Requests that start a session need none. A revoked one would make them fail.
local SIGN_INS = {
  ["/api/v1/users/login"] = true,
  ["/api/v1/users/register"] = true,
  ["/argosy.user.v1.UserService/Login"] = true,
  ["/argosy.user.v1.UserService/Register"] = true,
}
local STATE = "argosy.session"

-- Browsers say where a request comes from (Fetch Metadata). Another port of the same host is another origin, although it
-- gets the cookie.
local function asks_for_cookie(headers)
  local site = headers:get("sec-fetch-site")
  return headers:get("x-session") == "cookie" and (site == nil or site == "same-origin")
end

local function token_of(cookies)
  for name, value in string.gmatch(cookies, "([^=;%s]+)=([^;%s]*)") do
    if name == COOKIE then
      return string.match(value, "^[%w_.-]+$")
    end
  end
end

-- The filters that follow remove the cookies of every request.
function envoy_on_request(handle)
  local headers = handle:headers()
  if not asks_for_cookie(headers) then
    headers:remove("x-session")
    return
  end
  local metadata = handle:streamInfo():dynamicMetadata()
  metadata:set(STATE, "asked", true)
  local path = string.match(headers:get(":path") or "", "^[^?]*")
  if headers:get("authorization") ~= nil or SIGN_INS[path] then
    return
  end
  local token = token_of(headers:get("cookie") or "")
  if token ~= nil then
    headers:add("authorization", "Bearer " .. token)
    metadata:set(STATE, "used", true)
  end
end

local function is_unauthenticated(headers)
  return headers:get(":status") == "401" or headers:get("grpc-status") == "16"
end

local function set_cookie(headers, value, seconds)
  headers:add("set-cookie", COOKIE .. "=" .. value .. "; Max-Age=" .. seconds .. ATTRIBUTES)
  headers:replace("cache-control", "no-store")
end

-- The user service returns the token of a session in headers if the request asked for a cookie; 0 seconds: it has ended.
function envoy_on_response(handle)
  local headers = handle:headers()
  local token, seconds = headers:get("x-session-token"), headers:get("x-session-seconds")
  headers:remove("x-session-token")
  headers:remove("x-session-seconds")
  local state = handle:streamInfo():dynamicMetadata():get(STATE)
  if state == nil then
    return
  end
  if token ~= nil and seconds ~= nil then
    set_cookie(headers, seconds == "0" and "" or token, seconds)
  elseif state["used"] and is_unauthenticated(headers) then
    set_cookie(headers, "", "0")
  end
end
