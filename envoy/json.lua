-- Refuses JSON that protobuf's parser accepts with surprising results: duplicate keys (two lists would be concatenated),
-- and quoted decimals that are not decimal ("0x10" would be 16). Errors name the field like a service does: the path in
-- camelCase.

local byte, find, sub = string.byte, string.find, string.sub

-- The decimal fields (the contract's doubles) and the routes with raw bodies (HttpBody). Tests compare them with the
-- contract.
local DECIMALS = {amount = true, price = true}
local BYTES = {["/api/v1/webhooks/stripe"] = true}

local ONCE = "must be there once"
local A_DECIMAL = "must be a number, or a decimal in quotes such as \"29.99\""
local MALFORMED = "the body is not JSON"

local QUOTE, BACKSLASH, COMMA, COLON = byte('"\\,:', 1, 4)
local OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST = byte("{}[]", 1, 4)

local BLANK, BARE = {}, {} -- by byte; bare: the characters of numbers and words
for letter = 0, 255 do
  BLANK[letter] = find(string.char(letter), "^[ \t\r\n]") ~= nil
  BARE[letter] = find(string.char(letter), "^[%w.+-]") ~= nil
end

-- The position of the closing quote of the string that begins at `at`; nil if there is none. Code here and below works
-- byte by byte, because LuaJIT compiles that, but not patterns.
local function string_end(body, at)
  local place = at + 1
  local letter = byte(body, place)
  while letter ~= QUOTE do
    if letter == nil then
      return nil
    end
    place = place + (letter == BACKSLASH and 2 or 1)
    letter = byte(body, place)
  end
  return place
end

local function letter_of(code)
  return string.char(tonumber(code, 16))
end

-- A field has two names in JSON, zipCode and zip_code, and each may contain escapes.
local function field_name(key)
  if find(key, "\\u00", 1, true) then
    key = string.gsub(key, "\\u00([0-7]%x)", letter_of)
  end
  if find(key, "_", 1, true) then
    key = string.gsub(key, "_(%l)", string.upper)
  end
  return key
end

local function path_to(places, depth)
  local path = ""
  for level = 1, depth do
    local place = places[level]
    if type(place) == "number" then
      path = path .. "[" .. place .. "]"
    else
      path = path .. (path ~= "" and "." or "") .. sub(place, 1, 64)
    end
  end
  return path
end

-- The problem of a body: a description, and the field if there is one. Nothing if there is no problem. The transcoder
-- checks the rest: the content of strings, matching brackets, commas.
local function problem_of(body)
  local depth, at = 0, 1
  local seen, places = {}, {} -- per open bracket: an object's keys (a list: false), the current key or index
  local key_comes = false
  local letter = byte(body, at)
  while letter do
    if letter == QUOTE then
      local last = string_end(body, at)
      if not last then
        return MALFORMED
      end
      if key_comes then
        local name = field_name(sub(body, at + 1, last - 1))
        places[depth] = name
        if seen[depth][name] then
          return ONCE, path_to(places, depth)
        end
        seen[depth][name] = true
        key_comes = false
      elseif depth > 0 and seen[depth] and DECIMALS[places[depth]] then
        local text = sub(body, at + 1, last - 1)
        if not find(text, "^%d+$") and not find(text, "^%d+%.%d+$") then
          return A_DECIMAL, path_to(places, depth)
        end
      end
      at = last
    elseif letter == COMMA then
      if depth > 0 and seen[depth] then
        key_comes = true
      elseif depth > 0 then
        places[depth] = places[depth] + 1
      end
    elseif letter == OPEN_OBJECT then
      depth = depth + 1
      seen[depth], places[depth], key_comes = {}, "", true
    elseif letter == OPEN_LIST then
      depth = depth + 1
      seen[depth], places[depth], key_comes = false, 0, false
    elseif letter == CLOSE_OBJECT or letter == CLOSE_LIST then
      if depth == 0 then
        return MALFORMED
      end
      depth, key_comes = depth - 1, false
    elseif BARE[letter] then
      -- A number or a word. Protobuf's parser would also accept bare keys and other quotes.
      if key_comes then
        return MALFORMED
      end
      while BARE[byte(body, at + 1)] do
        at = at + 1
      end
    elseif letter ~= COLON and not BLANK[letter] then
      return MALFORMED
    end
    at = at + 1
    letter = byte(body, at)
  end
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local content_type = headers:get("content-type")
  if content_type ~= nil and sub(content_type, 1, 16) == "application/grpc" then
    return
  end
  local path = string.match(headers:get(":path") or "", "^[^?]*")
  if sub(path, 1, 5) ~= "/api/" or BYTES[path] then -- unknown paths are 404, with any body
    return
  end
  local body = handle:body()
  if body == nil or body:length() == 0 then
    return
  end
  local why, field = problem_of(body:getBytes(0, body:length()))
  if why == nil then
    return
  end
  if field ~= nil then
    local metadata = handle:streamInfo():dynamicMetadata()
    metadata:set("argosy.request", "field", field)
    metadata:set("argosy.request", "description", why)
    why = field .. ": " .. why
  end
  handle:respond({[":status"] = "400"}, why)
end
