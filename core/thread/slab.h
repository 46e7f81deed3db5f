/* slab.h: memory for many blocks of one size, such as jobs.
 *
 * A slab gives its blocks in turn, each of them once, and is freed when all have come
 * back; then there is the next one. So a block costs next to nothing, and no two of
 * them share a line of the cache, which different threads would wait for.
 *
 * Ownership: whoever gets blocks has a pointer to the slab that gives them, and leaves
 * it in the end. Blocks that are out live on.
 *
 * Threads: getting and leaving are for one; freeing is for any.
 */
#ifndef SAROS_THREAD_SLAB_H
#define SAROS_THREAD_SLAB_H

#include <stddef.h>

typedef struct saros_slab saros_slab_t;

/* A block of the slab at `current`, which is NULL at first, and changes; always of the same size. `slab` is what it has
 * to be given back to. NULL when out of memory. */
void *saros__slab_get(saros_slab_t **current, size_t size, saros_slab_t **slab);

/* One block is not used any more. */
void saros__slab_free(saros_slab_t *slab);

/* No more blocks will be got from it, which may be NULL. */
void saros__slab_leave(saros_slab_t *slab);

#endif
