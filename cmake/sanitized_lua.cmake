# Gives <build>/lua: the installed Lua, able to load modules of a sanitizer build.
#
# A sanitizer's runtime must be in the process before anything else, and the installed interpreter
# was built without it: it is preloaded. Exporting LD_PRELOAD from a script would put it into every
# child too (python3, redis-cli, sh), whose own leaks are none of our business, so a second preloaded
# library takes the variable away again as soon as the process has started.

if(NOT (CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_SYSTEM_NAME STREQUAL "Linux"))
  message(WARNING "No Lua for the sanitizer build: that needs GCC on Linux")
  return()
endif()

if(SAROS_ASAN)
  set(runtime_name libasan.so)
else()
  set(runtime_name libtsan.so)
endif()
execute_process(
  COMMAND ${CMAKE_C_COMPILER} -print-file-name=${runtime_name}
  OUTPUT_VARIABLE runtime OUTPUT_STRIP_TRAILING_WHITESPACE)
get_filename_component(SANITIZER_RUNTIME ${runtime} REALPATH)
if(NOT EXISTS ${SANITIZER_RUNTIME})
  message(FATAL_ERROR "GCC's ${runtime_name} was not found")
endif()

find_program(SAROS_LUA_PROGRAM NAMES lua5.4 lua54 lua REQUIRED)

add_library(start_children_clean MODULE ${CMAKE_SOURCE_DIR}/cmake/start_children_clean.c)
target_link_libraries(start_children_clean PRIVATE saros_flags)
target_compile_definitions(start_children_clean PRIVATE SAROS_SANITIZED_LUA="${CMAKE_BINARY_DIR}/lua")
set_target_properties(start_children_clean PROPERTIES PREFIX "" SUFFIX ".so")

configure_file(${CMAKE_SOURCE_DIR}/cmake/sanitized_lua.in ${CMAKE_BINARY_DIR}/lua @ONLY)
