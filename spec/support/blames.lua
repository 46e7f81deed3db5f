--- `blames(fn, message)`: asserts that the call raises exactly this message, blamed on a line of the
-- function `fn` itself: of the program that made the mistake, not of the library.

return function(fn, message)
  local ok, failure = pcall(fn)
  if ok then error("nothing was raised, expected: " .. message, 2) end
  local info = debug.getinfo(fn, "S")
  local source, line, text = tostring(failure):match("^(.-):(%d+): (.*)$")
  if text ~= message then error(("expected '%s', got '%s'"):format(message, tostring(failure)), 2) end
  line = tonumber(line)
  if source ~= info.short_src or line < info.linedefined or line > info.lastlinedefined then
    error(("expected an error at %s:%d, got '%s'"):format(info.short_src, info.linedefined, failure), 2)
  end
end
