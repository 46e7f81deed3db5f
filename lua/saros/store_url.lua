--- Passwords in the URLs of stores, which no message shows.
-- @module saros.store_url
-- @local

-- What stands for a password.
local HIDDEN = "***"

-- Shorter parts of a password are not looked for in a text: they would be found anywhere.
local SHORTEST = 3

local store_url = {}

-- What a URL has for passwords, however wrong it is: a password with characters that mean something in a
-- URL goes on to the last @.
local function passwords(url)
  local list = {url:match("^[^:]*:/*[^:/@]*:(.*)@")}
  for value in url:gmatch("[?&]password=([^&]*)") do list[#list + 1] = value end
  return list
end

local function replace(text, part)
  return (text:gsub(part:gsub("%p", "%%%0"), HIDDEN))
end

--- A URL without its password, for messages.
-- @tparam string url
-- @treturn string
function store_url.shown(url)
  return (url:gsub("^([^:]*:/*[^:/@]*:).*@", "%1" .. HIDDEN .. "@"):gsub("([?&]password=)[^&]*", "%1" .. HIDDEN))
end

--- What a driver says, who may cite the URL or what it takes for a part of it, without the password.
-- @tparam string text
-- @tparam string url
-- @treturn string
function store_url.hide(text, url)
  for _, password in ipairs(passwords(url)) do
    for _, pattern in ipairs {".+", "[^@/:?&]+"} do
      for part in password:gmatch(pattern) do
        if #part >= SHORTEST then text = replace(text, part) end
      end
    end
  end
  return text
end

return store_url
