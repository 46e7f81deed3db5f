/* wakeup.c: what core/loop/wakeup.c does when many threads post at once, driven from C, because a Lua
 * state has but one thread. The source itself is included: the core exports no symbols.
 *
 *   storm(threads, posts) -> how many came, how many came out of a thread's order, and the number of
 *                            threads that were refused after the close
 *   leftovers(posts) -> how many ran with a loop, and without one, when it closed before it ran
 */
#include "../../core/loop/wakeup.c"

#include <lauxlib.h>
#include <lua.h>
#include <pthread.h>
#include <string.h>

#define MAX_THREADS 16

/* The core's look for a SIGINT, and for a SIGUSR1; there are none here. */
void saros__interrupt_check(saros_loop_t *loop) {
  (void)loop;
}
void saros__inspect_check(saros_loop_t *loop) {
  (void)loop;
}

typedef struct storm storm_t;

typedef struct poster {
  storm_t *storm;
  pthread_t thread;
  int posts;
  int next;    /* loop's thread: the number that has to come next */
  int refused; /* the first post after the close */
} poster_t;

struct storm {
  saros_wakeup_t wakeup;
  uv_loop_t uv;
  poster_t posters[MAX_THREADS];
  uv_barrier_t closed;
  int expected, came, disordered, orphaned;
};

typedef struct item {
  poster_t *poster;
  int number;
} item_t;

/* A loop that is never looked into: it is enough that it is not NULL. */
#define SOME_LOOP ((struct saros_loop *)&open_marker)
static const char open_marker = 0;

static void arrive(struct saros_loop *loop, void *context) {
  item_t *item = context;
  poster_t *poster = item->poster;
  storm_t *storm = poster->storm;
  if (!loop) storm->orphaned++;
  if (item->number != poster->next++) storm->disordered++;
  free(item);
  if (++storm->came == storm->expected && loop) uv_stop(&storm->uv);
}

static int post(poster_t *poster, int number) {
  item_t *item = malloc(sizeof *item);
  if (!item) return UV_ENOMEM;
  *item = (item_t){poster, number};
  int code = saros__wakeup_post(&poster->storm->wakeup, arrive, item);
  if (code != 0) free(item);
  return code;
}

static void *run_poster(void *argument) {
  poster_t *poster = argument;
  for (int i = 0; i < poster->posts; i++) {
    if (post(poster, i) != 0) break;
  }
  uv_barrier_wait(&poster->storm->closed);
  poster->refused = post(poster, -1) == UV_ECANCELED;
  return NULL;
}

static void open_storm(lua_State *L, storm_t *storm) {
  memset(storm, 0, sizeof *storm);
  if (saros__wakeup_init(&storm->wakeup) != 0 || uv_loop_init(&storm->uv) != 0 ||
      saros__wakeup_open(&storm->wakeup, SOME_LOOP, &storm->uv) != 0) {
    luaL_error(L, "cannot make a loop");
  }
}

static void close_storm(storm_t *storm) {
  saros__wakeup_close(&storm->wakeup);
  uv_run(&storm->uv, UV_RUN_DEFAULT);
  uv_loop_close(&storm->uv);
}

static int wakeup_storm(lua_State *L) {
  int threads = (int)luaL_checkinteger(L, 1), posts = (int)luaL_checkinteger(L, 2);
  luaL_argcheck(L, threads > 0 && threads <= MAX_THREADS, 1, "too many threads");
  storm_t *storm = lua_newuserdatauv(L, sizeof *storm, 0);
  open_storm(L, storm);
  storm->expected = threads * posts;
  uv_barrier_init(&storm->closed, (unsigned)threads + 1);
  for (int i = 0; i < threads; i++) {
    poster_t *poster = &storm->posters[i];
    *poster = (poster_t){.storm = storm, .posts = posts};
    pthread_create(&poster->thread, NULL, run_poster, poster);
  }
  uv_run(&storm->uv, UV_RUN_DEFAULT);
  int came = storm->came;
  close_storm(storm);
  uv_barrier_wait(&storm->closed);
  int refused = 0;
  for (int i = 0; i < threads; i++) {
    pthread_join(storm->posters[i].thread, NULL);
    refused += storm->posters[i].refused;
  }
  uv_barrier_destroy(&storm->closed);
  saros__wakeup_destroy(&storm->wakeup);
  lua_pushinteger(L, came);
  lua_pushinteger(L, storm->disordered);
  lua_pushinteger(L, refused);
  return 3;
}

static int wakeup_leftovers(lua_State *L) {
  int posts = (int)luaL_checkinteger(L, 1);
  storm_t *storm = lua_newuserdatauv(L, sizeof *storm, 0);
  open_storm(L, storm);
  poster_t *poster = &storm->posters[0];
  *poster = (poster_t){.storm = storm};
  for (int i = 0; i < posts; i++) post(poster, i);
  close_storm(storm);
  saros__wakeup_destroy(&storm->wakeup);
  lua_pushinteger(L, storm->came - storm->orphaned);
  lua_pushinteger(L, storm->orphaned);
  return 2;
}

static const luaL_Reg functions[] = {
    {"storm", wakeup_storm}, {"leftovers", wakeup_leftovers}, {NULL, NULL}};

__attribute__((visibility("default"))) int luaopen_spec_support_wakeup(lua_State *L);

int luaopen_spec_support_wakeup(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
