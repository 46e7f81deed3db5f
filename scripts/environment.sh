# Sourced by the commands in this folder, with $root set to the project's folder: what is built where,
# which Lua runs it, and whether the build is current. POSIX sh, and few processes: `scripts/run`
# goes through here each time it starts a program.
#
# From the caller's environment:
#   SAROS_BUILD    the variant to use: release (the default), asan or tsan
#   SAROS_WERROR   ON makes compiler warnings errors
#   SAROS_LUA      the Lua to use for the release variant (default: lua5.4, or a lua that is 5.4)
# For the program that is started, and what that starts in turn:
#   SAROS_LUA      the Lua of this variant; a spec that starts Lua itself starts this one
#   SAROS_BUILD, LUA_PATH, LUA_CPATH

say() { printf '%s\n' "$*" >&2; }
fail() { say "${0##*/}: $*"; exit 1; }

variant=${SAROS_BUILD:-release}
case $variant in
  release|asan|tsan) ;;
  *) fail "SAROS_BUILD is '$variant'; it can be release, asan or tsan" ;;
esac
build=$root/build/$variant
# The first line of a build's stamp: a folder that was moved or copied is built anew.
signature="$root werror=${SAROS_WERROR:-OFF}"

# Sets `lua` to the name of a Lua 5.4, or fails.
find_lua() {
  for lua in lua5.4 lua54 lua-5.4 lua; do
    command -v "$lua" >/dev/null || continue
    case $lua in *5*4) return 0 ;; esac
    [ "$("$lua" -e 'io.write(_VERSION)' 2>/dev/null)" = "Lua 5.4" ] && return 0
  done
  return 1
}

# Whether busted works under that Lua; some systems have it for other versions alone.
has_busted() { find_lua && "$lua" -e 'require("busted.core")' 2>/dev/null; }

# Whether that Lua finds argparse, which reads the arguments of `saros cron` and `saros scheduler`.
has_argparse() { find_lua && "$lua" -e 'require("argparse")' 2>/dev/null; }

# Whether that Lua finds cjson, which reads what comes by the control socket of `saros scheduler`.
has_cjson() { find_lua && "$lua" -e 'require("cjson")' 2>/dev/null; }

# Whether the time zone database is where saros.timezone looks for it.
has_timezones() {
  if [ -n "${TZDIR:-}" ]; then [ -e "$TZDIR/UTC" ]; return; fi
  for folder in /usr/share/zoneinfo /usr/lib/zoneinfo /usr/share/lib/zoneinfo /etc/zoneinfo; do
    [ -e "$folder/UTC" ] && return 0
  done
  return 1
}

# Whether LuaSQL's SQLite driver is there for that Lua.
has_luasql() { find_lua && "$lua" -e 'require("luasql.sqlite3")' 2>/dev/null; }

# Whether LuaSQL's PostgreSQL driver is there for that Lua.
has_luasql_postgres() { find_lua && "$lua" -e 'require("luasql.postgres")' 2>/dev/null; }

# Whether a PostgreSQL server can be started; Debian has its programs in a folder of each version.
has_postgresql() {
  for program in /usr/lib/postgresql/*/bin/initdb; do [ -x "$program" ] && return 0; done
  command -v initdb >/dev/null
}

# Whether the system's loader finds GNU readline, or SAROS_READLINE names it, as the REPL looks for it.
has_readline() {
  find_lua && "$lua" -e '
    for _, name in ipairs {"so.8", "so.7", "so", "8.dylib", "dylib"} do
      if package.loadlib(os.getenv("SAROS_READLINE") or "libreadline." .. name, "*") then os.exit(true) end
    end
    os.exit(false)'
}

# Whether the variant is built from the sources as they are. A file that was added or removed shows
# in the time of its folder.
is_built() {
  [ -e "$build/saros/core.so" ] && [ -e "$build/stamp" ] || return 1
  read -r built <"$build/stamp" || return 1
  # Without warnings is fine too where warnings are allowed.
  [ "$built" = "$signature" ] || [ "$built" = "$root werror=ON" ] || return 1
  changed=$(find "$root/CMakeLists.txt" "$root/cmake" "$root/core" "$root/include" "$root/spec/support" \
    \( -type d -o -name '*.[ch]' -o -path "*/cmake/*" -o -name CMakeLists.txt \) \
    -newer "$build/stamp" 2>/dev/null)
  [ -z "$changed" ]
}

# Exports what a Lua program needs to find saros from any folder. What the caller has in LUA_PATH
# stays, after it; LUA_PATH_5_4, which would hide LUA_PATH, moves there.
export_lua_environment() {
  if [ "$variant" != release ]; then
    SAROS_LUA=$build/lua
  elif [ -z "${SAROS_LUA:-}" ]; then
    find_lua || fail "no Lua 5.4 found"
    SAROS_LUA=$(command -v "$lua")
  fi
  path="$root/lua/?.lua;$root/lua/?/init.lua"
  cpath="$build/?.so"
  LUA_PATH=${LUA_PATH_5_4:-${LUA_PATH:-;}}
  LUA_CPATH=${LUA_CPATH_5_4:-${LUA_CPATH:-;}}
  # A program that a spec starts comes through here again.
  case $LUA_PATH in "$path;"*) ;; *) LUA_PATH="$path;$LUA_PATH" ;; esac
  case $LUA_CPATH in "$cpath;"*) ;; *) LUA_CPATH="$cpath;$LUA_CPATH" ;; esac
  SAROS_BUILD=$variant
  unset LUA_PATH_5_4 LUA_CPATH_5_4
  export SAROS_LUA SAROS_BUILD LUA_PATH LUA_CPATH
}
