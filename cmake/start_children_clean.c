/* Preloaded into the Lua of a sanitizer build, after the sanitizer's runtime.
 *
 * Once the process has started, LD_PRELOAD has done its work; left in the environment it would be
 * inherited by every program that a spec starts. A program that starts another Lua as it was started
 * itself looks at its own name for that: it gets the name of the script that preloads all this. */

#include <stdlib.h>

static char script[] = SAROS_SANITIZED_LUA;

__attribute__((constructor)) static void start_children_clean(int argc, char **argv) {
  unsetenv("LD_PRELOAD");
  if (argc > 0) argv[0] = script;
}
