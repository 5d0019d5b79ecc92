-- What JSON leaves open and protobuf's reader takes as it likes, refused before it is read: a key that is there twice
-- (two lists would be added up), and a decimal in quotes that is none ("0x10" would be 16). Names are told as a
-- service tells them: camelCase, with the path to them.

local byte, find, sub = string.byte, string.find, string.sub

-- Where a number is a decimal (the contract's doubles), and where a body is bytes (its HttpBody). Tests hold both to it.
local DECIMALS = {amount = true, price = true}
local BYTES = {["/api/v1/webhooks/stripe"] = true}

local ONCE = "must be there once"
local A_DECIMAL = "must be a number, or a decimal in quotes such as \"29.99\""
local MALFORMED = "the body is not JSON"

local QUOTE, BACKSLASH, COMMA, COLON = byte('"\\,:', 1, 4)
local OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST = byte("{}[]", 1, 4)

local BLANK, BARE = {}, {} -- by byte; bare: what numbers and words are made of
for letter = 0, 255 do
  BLANK[letter] = find(string.char(letter), "^[ \t\r\n]") ~= nil
  BARE[letter] = find(string.char(letter), "^[%w.+-]") ~= nil
end

-- The place of the quote that ends a string which begins at `at`; nil when nothing does. (Byte by byte, here and below:
-- that is compiled, and patterns are not.)
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

-- One field has two names in JSON, zipCode and zip_code, and each can be written with escapes.
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

-- What is wrong with a body: why, and with which field. Nothing when it is fine, as far as it is looked at here: what is
-- within a string, whether brackets fit each other and commas stand right, the transcoder sees.
local function problem_of(body)
  local depth, at = 0, 1
  local seen, places = {}, {} -- of each open bracket: an object's keys so far (a list's: false), and where in it we are
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
      -- A number or a word. Protobuf's reader would take bare keys and other quotes as well.
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
  if sub(path, 1, 5) ~= "/api/" or BYTES[path] then -- what is not there is a 404, whatever its body
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
    local told = handle:streamInfo():dynamicMetadata()
    told:set("argosy.body", "field", field)
    told:set("argosy.body", "description", why)
    why = field .. ": " .. why
  end
  handle:respond({[":status"] = "400"}, why)
end
