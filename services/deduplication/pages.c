#include "services/deduplication/pages.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 1 << 21, LARGE_LEAST = 1 << 20 };

/* More than is asked for, so that a huge page begins in it; what stands over before and behind is given back. */
static void *map_aligned(size_t size)
{
	uint8_t *from = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (from == MAP_FAILED)
		return NULL;
	size_t before = -(uintptr_t)from % HUGE_PAGE;
	if (before > 0)
		(void)munmap(from, before);
	(void)munmap(from + before + size, HUGE_PAGE - before);
	(void)madvise(from + before, size, MADV_HUGEPAGE); /* refused: then on small ones */
	return from + before;
}

static size_t whole_pages(size_t size)
{
	const size_t page = 4096;
	return (size + page - 1) / page * page;
}

void *pages_new(size_t size)
{
	return size < LARGE_LEAST ? calloc(1, size) : map_aligned(whole_pages(size));
}

void pages_free(void *pages, size_t size)
{
	if (size < LARGE_LEAST)
		free(pages);
	else if (pages != NULL)
		(void)munmap(pages, whole_pages(size));
}
