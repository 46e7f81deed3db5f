-- Luacheck's settings; `scripts/test` runs it over lua, scripts and spec.
std = "lua54"
max_line_length = 120
-- A method that does not use its object is still a method.
self = false
files["spec"] = { std = "+busted" }
files["**/*.rockspec"] = { std = "+rockspec" }
-- What a file of settings returns or sets is read by its tool.
files[".busted"] = { std = "min" }
