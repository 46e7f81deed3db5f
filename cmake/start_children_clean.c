/* Preloaded into the Lua of a sanitizer build, after the sanitizer's runtime.
 *
 * Once the process has started, LD_PRELOAD has done its work; left in the environment it would be
 * inherited by every program that a spec starts. */

#include <stdlib.h>

__attribute__((constructor)) static void start_children_clean(void) {
  unsetenv("LD_PRELOAD");
}
