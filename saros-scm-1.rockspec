rockspec_format = "3.0"
package = "saros"
version = "scm-1"

-- Made from a checkout: `luarocks make` there.
source = {
  url = "file://.",
}

description = {
  summary = "asyncio for Lua 5.4, on libuv",
  detailed = [[
Saros is an event loop in C on libuv with coroutine tasks, structured concurrency, timers and servers,
with the names and the scheduling order of Python's asyncio. It comes as a module and as a command,
`saros FILE`, under which a script may sleep and await from its first line.]],
  license = "MIT",
  labels = { "async", "asyncio", "coroutine", "event-loop", "libuv", "network" },
}

supported_platforms = { "unix" }

dependencies = {
  "lua >= 5.4",
  "argparse >= 0.7",
}

external_dependencies = {
  UV = { header = "uv.h", library = "uv" },
}

build = {
  type = "cmake",
  variables = {
    CMAKE_BUILD_TYPE = "Release",
    CMAKE_INSTALL_PREFIX = "$(PREFIX)",
    CMAKE_INSTALL_BINDIR = "$(BINDIR)",
    CMAKE_INSTALL_INCLUDEDIR = "include",
    SAROS_LIBDIR = "$(LIBDIR)",
    SAROS_LUADIR = "$(LUADIR)",
    SAROS_SPEC_MODULES = "OFF",
    LUA_INCDIR = "$(LUA_INCDIR)",
    UV_INCDIR = "$(UV_INCDIR)",
    UV_LIBDIR = "$(UV_LIBDIR)",
  },
  copy_directories = {},
}
