/* The allocator of the simulator, in place of libc's: one process with one thread lives for some milliseconds, and half
 * of its time went into pages that were given back, cleared, and touched again. Small blocks come one after another
 * from one region of huge pages and go back to a list of their size; large ones, of which little is touched, are the
 * kernel's, which gives them cleared. What a crashed machine held is never given back. */
#include "tests/simulation/shell.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REGION_BYTES ((size_t)1 << 31)
#define HUGE_BYTES ((size_t)2 << 20)

enum {
	ALIGNMENT = 16,
	CLASSES = 64,
	LARGE_BYTES = 256 * 1024,
	PAGE_BYTES = 4096,
};

/* In front of every block. */
struct block {
	size_t size; /* that may be used */
	size_t from; /* of a large one: octets between its mapping and the block's end of header; 0: a small one */
};
static_assert(sizeof(struct block) == ALIGNMENT, "what follows it is aligned");

struct released {
	struct released *next;
};

static uint8_t *at, *region_end;
static struct released *lists[CLASSES];

static struct block *block_of(void *memory)
{
	return (struct block *)memory - 1;
}

/* Four sizes a doubling, from 16 octets on. */
static size_t class_of(size_t size, size_t *rounded)
{
	size_t doubling = size <= 64 ? 6 : 64 - (size_t)__builtin_clzll(size - 1);
	size_t step = (size_t)1 << (doubling - 2), steps = (size + step - 1) / step;

	*rounded = steps * step;
	return (doubling - 6) * 4 + steps;
}

static void *map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static uintptr_t round_up(uintptr_t value, size_t to)
{
	return (value + to - 1) / to * to;
}

static bool open_region(void)
{
	at = map(REGION_BYTES);
	if (at == NULL)
		return false;
	region_end = at + REGION_BYTES;
	(void)syscall(SYS_madvise, at, REGION_BYTES, MADV_HUGEPAGE); /* refused: then on small ones */
	return true;
}

/* A page that parent and child share is copied where the child writes to it. */
void memory_settle(void)
{
	at = (uint8_t *)round_up((uintptr_t)at, HUGE_BYTES);
}

static void *take_large(size_t size, size_t alignment)
{
	uint8_t *mapped = map(size + alignment + PAGE_BYTES);
	uint8_t *memory;

	if (mapped == NULL)
		return NULL;
	memory = (uint8_t *)round_up((uintptr_t)mapped + sizeof(struct block), alignment);
	*block_of(memory) = (struct block){size, (size_t)(memory - mapped)};
	return memory;
}

static void *take(size_t size, bool *cleared)
{
	size_t rounded, class;
	struct released *found;

	*cleared = true;
	if (size >= LARGE_BYTES)
		return take_large(size, ALIGNMENT);
	class = class_of(size > 0 ? size : 1, &rounded);
	found = lists[class];
	if (found != NULL) {
		*cleared = false;
		lists[class] = found->next;
		return found;
	}
	if (at == NULL && !open_region())
		return NULL;
	assert((size_t)(region_end - at) > rounded + sizeof(struct block));
	*(struct block *)at = (struct block){.size = rounded};
	at += sizeof(struct block) + rounded;
	return at - rounded;
}

void *malloc(size_t size)
{
	bool cleared;
	void *memory = take(size, &cleared);

	if (memory == NULL)
		errno = ENOMEM;
	return memory;
}

void free(void *memory)
{
	struct block *block = block_of(memory);
	size_t rounded;

	if (memory == NULL)
		return;
	if (block->from > 0) {
		munmap((uint8_t *)memory - block->from, block->size + block->from);
		return;
	}
	struct released *released = memory;
	size_t class = class_of(block->size, &rounded);
	released->next = lists[class];
	lists[class] = released;
}

void *calloc(size_t count, size_t size)
{
	size_t bytes;
	bool cleared;
	void *memory = __builtin_mul_overflow(count, size, &bytes) ? NULL : take(bytes, &cleared);

	if (memory == NULL)
		errno = ENOMEM;
	else if (!cleared)
		memset(memory, 0, bytes);
	return memory;
}

void *realloc(void *memory, size_t size)
{
	size_t had = memory == NULL ? 0 : block_of(memory)->size;
	void *larger;

	if (memory != NULL && size <= had)
		return memory;
	larger = malloc(size);
	if (larger != NULL && memory != NULL)
		memcpy(larger, memory, had);
	if (larger != NULL)
		free(memory);
	return larger;
}

void *memalign(size_t alignment, size_t size)
{
	return alignment <= ALIGNMENT ? malloc(size) : take_large(size, alignment);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
	*memory = memalign(alignment, size);
	return *memory == NULL ? ENOMEM : 0;
}

/* A chunk made for thousands of texts holds some dozen here: a huge page would be cleared for nothing. */
int madvise(void *memory, size_t size, int advice)
{
	return size <= HUGE_BYTES ? 0 : (int)syscall(SYS_madvise, memory, size, advice);
}
