/* Would catch an arena that grows over its limit, hands out overlapping or misaligned memory, or takes memory
 * from the heap for a message. */
#include "common/runtime/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { LIMIT = 1000 };

static void limit_is_exact(void **state)
{
	(void)state;
	struct arena *arena = arena_new(LIMIT);
	assert_non_null(arena);
	assert_null(arena_alloc(arena, LIMIT + 1));
	assert_null(arena_alloc(arena, SIZE_MAX));
	uint8_t *all = arena_alloc(arena, LIMIT);
	assert_non_null(all);
	memset(all, 0xAB, LIMIT);
	assert_null(arena_alloc(arena, 1));
	arena_reset(arena);
	assert_ptr_equal(arena_alloc(arena, 1), all);
	arena_free(&arena);
	assert_null(arena);
	arena_free(&arena); /* tolerated */
}

static void pieces_are_aligned_and_apart(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1 << 16);
	uint8_t *before = NULL;
	for (size_t size = 0; size < 100; size++) {
		uint8_t *piece = arena_alloc(arena, size);
		assert_non_null(piece);
		assert_int_equal((uintptr_t)piece % 16, 0);
		assert_true(before == NULL || piece >= before + (size > 1 ? size - 1 : 1));
		memset(piece, (int)size, size);
		before = piece;
	}
	arena_free(&arena);
}

static void copies_and_texts(void **state)
{
	(void)state;
	struct arena *arena = arena_new(64);
	const uint8_t data[] = {'S', 0, 'K'};
	assert_memory_equal(arena_copy(arena, data, sizeof(data)), data, sizeof(data));
	char *text = arena_text(arena, (struct bytes){.data = data, .size = 1});
	assert_string_equal(text, "S");
	assert_string_equal(arena_text(arena, (struct bytes){0}), "");
	assert_non_null(arena_copy(arena, NULL, 0));
	assert_null(arena_text(arena, (struct bytes){.data = data, .size = SIZE_MAX}));
	arena_free(&arena);
}

static void protobuf_allocates_inside(void **state)
{
	(void)state;
	struct arena *arena = arena_new(64);
	ProtobufCAllocator *allocator = arena_protobuf_allocator(arena);
	void *first = allocator->alloc(allocator->allocator_data, 48);
	assert_non_null(first);
	assert_null(allocator->alloc(allocator->allocator_data, 48));
	allocator->free(allocator->allocator_data, first); /* gives nothing back */
	assert_null(allocator->alloc(allocator->allocator_data, 48));
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limit_is_exact),
		cmocka_unit_test(pieces_are_aligned_and_apart),
		cmocka_unit_test(copies_and_texts),
		cmocka_unit_test(protobuf_allocates_inside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
