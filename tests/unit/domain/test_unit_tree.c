/* Would catch: a tree that is none taken, a wrong way up or down, a search that misses Vietnamese names. */
#include "common/domain/unit_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct unit_row ROWS[] = {
	{1, 0, "TLD", "Tổng Liên đoàn Lao động Việt Nam", UNIT_NATION, BLOCK_NONE, false, false, 0},
	{20, 1, "01", "Liên đoàn Lao động thành phố Hà Nội", UNIT_TOP, BLOCK_NONE, false, false, 0},
	{3, 1, "N01", "Công đoàn Giáo dục Việt Nam", UNIT_TOP, BLOCK_PUBLIC, false, false, 0},
	{5, 20, "01.018", "LĐLĐ huyện Gia Lâm", UNIT_UPPER, BLOCK_NONE, true, false, 0},
	{4, 20, "01.001", "LĐLĐ quận Ba Đình", UNIT_UPPER, BLOCK_NONE, true, false, 0},
	{9, 5, "01.018.01", "CĐCS Stanley Việt Nam", UNIT_GRASSROOTS, BLOCK_ENTERPRISE, true, false, 0},
	{10, 9, "01.018.01.1", "Công đoàn bộ phận xưởng 1", UNIT_SECTION, BLOCK_ENTERPRISE, true, false, 0},
};

static struct unit_tree *tree_of(const struct unit_row *rows, size_t count)
{
	const char *fault = NULL;
	struct unit_tree *tree = unit_tree_new(rows, count, &fault);

	assert_null(fault);
	assert_non_null(tree);
	return tree;
}

static void expect_fault(const struct unit_row *rows, size_t count, const char *wanted)
{
	const char *fault = NULL;

	assert_null(unit_tree_new(rows, count, &fault));
	assert_string_equal(fault, wanted);
}

static void test_finds(void **state)
{
	CLEANUP(unit_tree_free) struct unit_tree *tree = tree_of(ROWS, ARRAY_LENGTH(ROWS));

	(void)state;
	assert_int_equal(unit_tree_count(tree), ARRAY_LENGTH(ROWS));
	assert_string_equal(unit_tree_root(tree)->code, "TLD");
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		const struct unit *unit = unit_by_code(tree, ROWS[i].code);
		assert_ptr_equal(unit, unit_by_id(tree, ROWS[i].id));
		assert_string_equal(unit->name, ROWS[i].name);
		assert_int_equal(unit->level, ROWS[i].level);
		assert_int_equal(unit->accepts_submissions, ROWS[i].accepts_submissions);
	}
	assert_null(unit_by_code(tree, "01.0"));
	assert_null(unit_by_id(tree, 0));
	assert_null(unit_by_id(tree, 2));
	assert_null(unit_by_id(tree, UINT32_MAX));
}

static void test_way_down(void **state)
{
	CLEANUP(unit_tree_free) struct unit_tree *tree = tree_of(ROWS, ARRAY_LENGTH(ROWS));
	size_t count;

	(void)state;
	const struct unit *const *children = unit_children(tree, 20, &count);
	assert_int_equal(count, 2);
	assert_string_equal(children[0]->code, "01.001"); /* ordered by code, not as loaded */
	assert_string_equal(children[1]->code, "01.018");
	assert_int_equal(unit_by_id(tree, 1)->children, 2);
	assert_null(unit_children(tree, 10, &count));
	assert_int_equal(count, 0);
	assert_null(unit_children(tree, 77, &count));
}

static void test_way_up(void **state)
{
	CLEANUP(unit_tree_free) struct unit_tree *tree = tree_of(ROWS, ARRAY_LENGTH(ROWS));
	static const uint32_t WANTED[] = {10, 9, 5, 20, 1};
	uint32_t way[UNIT_DEPTH_MAX];

	(void)state;
	assert_int_equal(unit_ancestors(tree, 10, way), ARRAY_LENGTH(WANTED));
	assert_memory_equal(way, WANTED, sizeof(WANTED));
	assert_true(unit_is_below(tree, 10, 20));
	assert_true(unit_is_below(tree, 10, 10));
	assert_false(unit_is_below(tree, 10, 3));
	assert_false(unit_is_below(tree, 20, 10));
	assert_int_equal(unit_top_of(tree, 10), 20);
	assert_int_equal(unit_top_of(tree, 20), 20);
	assert_int_equal(unit_top_of(tree, 1), 0);
	assert_int_equal(unit_top_of(tree, 3), 3);
}

static void test_search(void **state)
{
	CLEANUP(unit_tree_free) struct unit_tree *tree = tree_of(ROWS, ARRAY_LENGTH(ROWS));
	const struct unit *found[4];

	(void)state;
	assert_int_equal(unit_search(tree, "gia lam", found, 4), 1);
	assert_string_equal(found[0]->code, "01.018");
	assert_int_equal(unit_search(tree, "ĐÌNH", found, 4), 1);
	assert_int_equal(unit_search(tree, "hải phòng", found, 4), 0);
	/* Beginning before inside, then shallow before deep, then by code. */
	assert_int_equal(unit_search(tree, "công đoàn", found, 4), 2);
	assert_string_equal(found[0]->code, "N01");
	assert_string_equal(found[1]->code, "01.018.01.1");
	assert_int_equal(unit_search(tree, "viet nam", found, 4), 3);
	assert_string_equal(found[0]->code, "TLD");
	assert_string_equal(found[1]->code, "N01");
	assert_string_equal(found[2]->code, "01.018.01");
	assert_int_equal(unit_search(tree, "viet nam", found, 2), 2);
	assert_string_equal(found[1]->code, "N01");
	assert_int_equal(unit_search(tree, "ldld", found, 0), 0);
}

static void test_refuses_what_is_no_tree(void **state)
{
	const struct unit_row two_roots[] = {{.id = 1, .code = "a", .name = "A"}, {.id = 2, .code = "b", .name = "B"}};
	const struct unit_row no_root[] = {{.id = 1, .parent = 1, .code = "a", .name = "A"}};
	const struct unit_row cycle[] = {{.id = 1, .code = "a", .name = "A"},
		{.id = 2, .parent = 3, .code = "b", .name = "B"}, {.id = 3, .parent = 2, .code = "c", .name = "C"}};
	const struct unit_row orphan[] = {
		{.id = 1, .code = "a", .name = "A"}, {.id = 2, .parent = 7, .code = "b", .name = "B"}};
	const struct unit_row same_code[] = {
		{.id = 1, .code = "a", .name = "A"}, {.id = 2, .parent = 1, .code = "a", .name = "B"}};
	const struct unit_row same_id[] = {
		{.id = 1, .code = "a", .name = "A"}, {.id = 1, .parent = 1, .code = "b", .name = "B"}};
	const struct unit_row no_name[] = {{.id = 1, .code = "a", .name = ""}};
	const struct unit_row huge_id[] = {{.id = UINT32_MAX, .code = "a", .name = "A"}};

	(void)state;
	expect_fault(NULL, 0, "no root");
	expect_fault(two_roots, 2, "two roots");
	expect_fault(no_root, 1, "no root");
	expect_fault(cycle, 3, "cycle");
	expect_fault(orphan, 2, "unknown parent");
	expect_fault(same_code, 2, "repeated code");
	expect_fault(same_id, 2, "repeated id");
	expect_fault(no_name, 1, "no name");
	expect_fault(huge_id, 1, "id out of range");
}

static void test_depth_is_bounded(void **state)
{
	struct unit_row rows[UNIT_DEPTH_MAX + 1];
	char codes[UNIT_DEPTH_MAX + 1][16];
	uint32_t way[UNIT_DEPTH_MAX];

	(void)state;
	for (uint32_t i = 0; i <= UNIT_DEPTH_MAX; i++) {
		snprintf(codes[i], sizeof(codes[i]), "u%u", i);
		rows[i] = (struct unit_row){
			.id = i + 1, .parent = i, .code = codes[i], .name = "U", .level = UNIT_SECTION};
	}
	CLEANUP(unit_tree_free) struct unit_tree *tree = tree_of(rows, UNIT_DEPTH_MAX);
	assert_int_equal(unit_ancestors(tree, UNIT_DEPTH_MAX, way), UNIT_DEPTH_MAX);
	expect_fault(rows, UNIT_DEPTH_MAX + 1, "too deep");
}

/* Every unit of random trees is found, and is among its parent's children exactly once. */
static void test_random_trees(void **state)
{
	enum { UNITS = 3000 };
	struct unit_row *rows = calloc(UNITS, sizeof(*rows));
	char(*codes)[16] = calloc(UNITS, sizeof(*codes));
	size_t met = 1, count;

	(void)state;
	for (uint32_t i = 0; i < UNITS; i++) {
		uint32_t parent = i == 0 ? 0 : i < 40 ? 1 : i < 400 ? 2 + (i * 7919) % 39 : 41 + (i * 104729) % 360;
		snprintf(codes[i], sizeof(codes[i]), "%08x", i * 2654435761u);
		rows[i] = (struct unit_row){.id = i + 1, .parent = parent, .code = codes[i], .name = codes[i]};
	}
	CLEANUP(unit_tree_free) struct unit_tree *tree = tree_of(rows, UNITS);
	for (uint32_t id = 1; id <= UNITS; id++) {
		assert_int_equal(unit_by_code(tree, codes[id - 1])->id, id);
		const struct unit *const *children = unit_children(tree, id, &count);
		met += count;
		for (size_t i = 0; i < count; i++) {
			assert_int_equal(children[i]->parent, id);
			assert_true(i == 0 || strcmp(children[i - 1]->code, children[i]->code) < 0);
		}
	}
	assert_int_equal(met, UNITS);
	free(rows);
	free(codes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds),
		cmocka_unit_test(test_way_down),
		cmocka_unit_test(test_way_up),
		cmocka_unit_test(test_search),
		cmocka_unit_test(test_refuses_what_is_no_tree),
		cmocka_unit_test(test_depth_is_bounded),
		cmocka_unit_test(test_random_trees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
