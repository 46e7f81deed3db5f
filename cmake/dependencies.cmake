# Finds Lua's headers and libuv. Gives the targets saros_lua, saros_libuv and Threads::Threads.
#
# LuaRocks knows where both are and passes it on in LUA_INCDIR, UV_INCDIR and UV_LIBDIR; otherwise
# pkg-config does.

set(LUA_INCDIR "" CACHE PATH "The folder of lua.h; found by pkg-config when empty")
set(UV_INCDIR "" CACHE PATH "The folder of uv.h; found by pkg-config when empty")
set(UV_LIBDIR "" CACHE PATH "The folder of libuv; used with UV_INCDIR")

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

add_library(saros_lua INTERFACE)
if(LUA_INCDIR)
  target_include_directories(saros_lua SYSTEM INTERFACE ${LUA_INCDIR})
else()
  find_package(PkgConfig REQUIRED)
  # Debian, Fedora, the BSDs and Homebrew each name it differently.
  foreach(name lua5.4 lua-5.4 lua54 lua)
    if(NOT LUA_FOUND)
      pkg_check_modules(LUA QUIET ${name}>=5.4)
    endif()
  endforeach()
  if(NOT LUA_FOUND)
    message(FATAL_ERROR "Lua 5.4's headers were not found (Debian: liblua5.4-dev, Fedora: lua-devel, brew: lua)")
  endif()
  target_include_directories(saros_lua SYSTEM INTERFACE ${LUA_INCLUDE_DIRS})
endif()

add_library(saros_libuv INTERFACE)
if(UV_INCDIR)
  find_library(UV_LIBRARY uv HINTS ${UV_LIBDIR} REQUIRED)
  target_include_directories(saros_libuv SYSTEM INTERFACE ${UV_INCDIR})
  target_link_libraries(saros_libuv INTERFACE ${UV_LIBRARY})
else()
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv>=1.42)
  target_link_libraries(saros_libuv INTERFACE PkgConfig::UV)
endif()
