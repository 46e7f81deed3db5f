--- Files and commands, for what Lua's own library lacks.

local files = {}

--- Quote a word for the shell.
-- @tparam string word any text
-- @treturn string
function files.quote(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

--- The whole text of a file; nil if it is not there.
-- @tparam string path where
-- @treturn ?string
function files.read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("a")
  file:close()
  return text
end

--- Write a file, and the folders on the way to it.
-- @tparam string path where
-- @tparam string text what
function files.write(path, text)
  assert(os.execute("mkdir -p " .. files.quote(path:match("^(.*)/"))))
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
end

--- Remove a folder with all that is in it.
-- @tparam string path the folder
function files.remove(path)
  assert(os.execute("rm -rf " .. files.quote(path)))
end

--- What a command prints.
-- @tparam string command for the shell
-- @treturn string its output
-- @treturn boolean whether it ended with status 0
function files.output_of(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("a")
  return text, pipe:close() == true
end

--- The files of a folder and its subfolders, sorted.
-- @tparam string folder where
-- @tparam string pattern the shell's, for their names: `*.lua`
-- @treturn {string,...} paths
function files.list(folder, pattern)
  local command = ("find %s -name %s -type f"):format(files.quote(folder), files.quote(pattern))
  local list = {}
  for path in files.output_of(command):gmatch("[^\n]+") do list[#list + 1] = path end
  table.sort(list)
  return list
end

return files
