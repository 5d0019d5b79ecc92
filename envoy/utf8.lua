-- Finds text in a path that is not UTF-8. Goes before headers.lua, into the same filter: each filter costs time per request.

local function decoded(text)
  return (string.gsub(text, "%%(%x%x)", function(code) return string.char(tonumber(code, 16)) end))
end

-- The length of each UTF-8 sequence by its first byte, and the range of its second byte (Unicode, table 3-7). Without
-- overlong forms and surrogates.
local function sequence(first)
  if first < 0x80 then return 1 end
  if first < 0xC2 or first > 0xF4 then return nil end
  if first < 0xE0 then return 2, 0x80, 0xBF end
  if first == 0xE0 then return 3, 0xA0, 0xBF end
  if first == 0xED then return 3, 0x80, 0x9F end
  if first < 0xF0 then return 3, 0x80, 0xBF end
  if first == 0xF0 then return 4, 0x90, 0xBF end
  if first == 0xF4 then return 4, 0x80, 0x8F end
  return 4, 0x80, 0xBF
end

local function is_text(bytes)
  local at, last = 1, string.len(bytes)
  while at <= last do
    local length, low, high = sequence(string.byte(bytes, at))
    if length == nil or at + length - 1 > last then
      return false
    end
    for place = at + 1, at + length - 1 do
      local letter = string.byte(bytes, place)
      if letter < low or letter > high then
        return false
      end
      low, high = 0x80, 0xBF
    end
    at = at + length
  end
  return true
end

-- The part of a path that is not UTF-8 once it is decoded: the name of a query parameter, or `path`. nil: there is none.
-- protobuf strings are UTF-8; with other bytes the transcoder would make a message that services cannot read.
local function not_text(path)
  if not string.find(path, "%", 1, true) and not string.find(path, "[\128-\255]") then
    return nil
  end
  local before, query = string.match(path, "^([^?]*)%??(.*)$")
  if not is_text(decoded(before)) then
    return "path"
  end
  for parameter in string.gmatch(query, "[^&]+") do
    if not is_text(decoded(parameter)) then
      local name = decoded(string.match(parameter, "^[^=]*"))
      return is_text(name) and string.sub(name, 1, 64) or "query"
    end
  end
end
