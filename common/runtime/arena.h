/* One message, one arena: all of it dies in arena_reset(). */
#ifndef SANGKIEN_RUNTIME_ARENA_H
#define SANGKIEN_RUNTIME_ARENA_H

#include "common/runtime/base.h"

#include <protobuf-c/protobuf-c.h>

struct arena;

/* `limit` is the most bytes it will ever hold. NULL when there is no memory. */
struct arena *arena_new(size_t limit) MUST_CHECK;
void arena_free(struct arena **arena);

void *arena_alloc(struct arena *arena, size_t size) MUST_CHECK; /* aligned to 16; NULL when full */
void *arena_copy(struct arena *arena, const void *data, size_t size) MUST_CHECK;
char *arena_text(struct arena *arena, struct bytes text) MUST_CHECK; /* NUL-terminated copy */
void arena_reset(struct arena *arena);                               /* keeps its memory for the next message */

/* protobuf-c unpacks into the arena through this; free is a no-op. Lives as long as the arena. */
ProtobufCAllocator *arena_protobuf_allocator(struct arena *arena);

#endif
