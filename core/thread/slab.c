#include "thread/slab.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include "structures/hints.h"

/* With AddressSanitizer, which is to see when a block is used too late, each is a slab of its own. */
#ifdef __SANITIZE_ADDRESS__
enum { BLOCKS = 1 };
#else
enum { BLOCKS = 32 };
#endif

struct saros_slab {
  atomic_uint left; /* blocks that have not come back, and those that were not given yet */
  unsigned given;
  char *blocks; /* in the same piece of memory, at the beginning of a line */
};

static size_t round_up(size_t size) {
  return (size + SAROS_CACHE_LINE - 1) / SAROS_CACHE_LINE * SAROS_CACHE_LINE;
}

static saros_slab_t *new_slab(size_t size) {
  saros_slab_t *slab = malloc(sizeof *slab + SAROS_CACHE_LINE + BLOCKS * round_up(size));
  if (!slab) return NULL;
  atomic_init(&slab->left, BLOCKS);
  slab->given = 0;
  slab->blocks = (char *)round_up((uintptr_t)(slab + 1));
  return slab;
}

static void give_back(saros_slab_t *slab, unsigned count) {
  if (atomic_fetch_sub_explicit(&slab->left, count, memory_order_acq_rel) == count) free(slab);
}

void *saros__slab_get(saros_slab_t **current, size_t size, saros_slab_t **slab) {
  if (!*current) *current = new_slab(size);
  if (!*current) return NULL;
  *slab = *current;
  char *block = (*slab)->blocks + (*slab)->given++ * round_up(size);
  if ((*slab)->given == BLOCKS) *current = NULL;
  return block;
}

void saros__slab_free(saros_slab_t *slab) {
  give_back(slab, 1);
}

void saros__slab_leave(saros_slab_t *slab) {
  if (slab) give_back(slab, BLOCKS - slab->given);
}
