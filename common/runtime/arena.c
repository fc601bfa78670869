#include "common/runtime/arena.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

enum { ARENA_ALIGNMENT = 16 };

/* One reserved range of addresses: pages cost memory when first touched and are kept by a reset, so an arena
 * holds what its largest message needed, never more than its limit, and nothing is lost between chunks. */
struct arena {
	uint8_t *base;
	size_t used, limit;
	ProtobufCAllocator allocator;
};

static void *allocate_for_protobuf(void *context, size_t size)
{
	return arena_alloc(context, size);
}

static void free_for_protobuf(void *context, void *pointer)
{
	(void)context;
	(void)pointer; /* dies in arena_reset() */
}

struct arena *arena_new(size_t limit)
{
	assert(limit > 0);
	struct arena *arena = calloc(1, sizeof(*arena));
	if (arena == NULL)
		return NULL;
	void *base = mmap(NULL, limit, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED) {
		free(arena);
		return NULL;
	}
	arena->base = base;
	arena->limit = limit;
	arena->allocator = (ProtobufCAllocator){
		.alloc = allocate_for_protobuf, .free = free_for_protobuf, .allocator_data = arena};
	ASAN_POISON_MEMORY_REGION(arena->base, limit);
	return arena;
}

void arena_free(struct arena **arena)
{
	if (*arena == NULL)
		return;
	/* The range may be mapped again by others: leave no shadow on it. */
	ASAN_UNPOISON_MEMORY_REGION((*arena)->base, (*arena)->limit);
	munmap((*arena)->base, (*arena)->limit);
	free(*arena);
	*arena = NULL;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	size_t left = arena->limit - arena->used;
	if (size > left)
		return NULL;
	uint8_t *result = arena->base + arena->used;
	size_t padded = (size + ARENA_ALIGNMENT - 1) & ~(size_t)(ARENA_ALIGNMENT - 1);
	if (padded == 0)
		padded = ARENA_ALIGNMENT; /* two empty things have two addresses */
	arena->used += padded < left ? padded : left;
	ASAN_UNPOISON_MEMORY_REGION(result, size);
	return result;
}

void *arena_copy(struct arena *arena, const void *data, size_t size)
{
	void *copy = arena_alloc(arena, size);
	if (copy != NULL && size > 0)
		memcpy(copy, data, size);
	return copy;
}

char *arena_text(struct arena *arena, struct bytes text)
{
	if (text.size == SIZE_MAX)
		return NULL;
	char *copy = arena_alloc(arena, text.size + 1);
	if (copy == NULL)
		return NULL;
	if (text.size > 0)
		memcpy(copy, text.data, text.size);
	copy[text.size] = '\0';
	return copy;
}

void arena_reset(struct arena *arena)
{
	ASAN_POISON_MEMORY_REGION(arena->base, arena->used);
	arena->used = 0;
}

ProtobufCAllocator *arena_protobuf_allocator(struct arena *arena)
{
	return &arena->allocator;
}
