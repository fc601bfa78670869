/* Would catch: a move that loses a unit or makes a circle, a merged unit that is still there or takes its texts'
 * borders with it, a fault without its line, a file that does more when it comes again. */
#include "common/runtime/clock.h"
#include "services/control/unit_moves.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TODAY = 20270 /* 2025-07-01 */ };

/* 1 ─┬─ 2 "25" ─── 5 "25.1" ─── 8 "25.1.a"
 *    ├─ 3 "26" ─┬─ 6 "26.1"
 *    │          └─ 7 "26.2"
 *    └─ 4 "17" */
static const struct unit_row UNITS[] = {
	{.id = 1, .code = "VN", .name = "Gốc"},
	{.id = 2, .parent = 1, .code = "25", .name = "Phú Thọ", .level = UNIT_TOP},
	{.id = 3, .parent = 1, .code = "26", .name = "Vĩnh Phúc", .level = UNIT_TOP, .accepts_submissions = true},
	{.id = 4, .parent = 1, .code = "17", .name = "Hòa Bình", .level = UNIT_TOP},
	{.id = 5, .parent = 2, .code = "25.1", .name = "A", .level = UNIT_UPPER},
	{.id = 6, .parent = 3, .code = "26.1", .name = "B", .level = UNIT_UPPER, .accepts_submissions = true},
	{.id = 7, .parent = 3, .code = "26.2", .name = "C", .level = UNIT_UPPER},
	{.id = 8, .parent = 5, .code = "25.1.a", .name = "D", .level = UNIT_GRASSROOTS, .accepts_submissions = true},
};
enum { COUNT = ARRAY_LENGTH(UNITS) };

struct made {
	struct csv csv;
	struct move_plan plan;
	struct buffer faults;
	bool good;
};

static struct made make(const struct unit_row *before, int32_t moved_on, const char *rows)
{
	struct made made = {0};
	struct move_grounds grounds = {
		.file = "m.csv", .before = before, .count = COUNT, .today = TODAY, .moved_on = moved_on};
	char text[4096];
	int size = snprintf(text, sizeof(text), "valid_from,code,merged_into,parent_code,name\n%s", rows);

	assert_true(csv_read("m.csv", (struct bytes){(const uint8_t *)text, (size_t)size}, move_columns, &made.csv));
	made.good = move_plan_make(&grounds, &made.csv, &made.plan, &made.faults);
	buffer_add(&made.faults, "", 1);
	return made;
}

static void clear(struct made *made)
{
	csv_free(&made->csv);
	move_plan_free(&made->plan);
	buffer_deinit(&made->faults);
}

static const struct unit_row *after(const struct made *made, uint32_t id)
{
	return move_row(made->plan.after, made->plan.count, id);
}

static void test_a_merged_unit_is_closed_and_all_below_it_goes_along(void **state)
{
	struct made made = make(UNITS, INT32_MIN, "2025-07-01,26,25,,\n2025-07-01,25,,,Phú Thọ mới\n");

	(void)state;
	assert_true(made.good);
	assert_int_equal(after(&made, 3)->parent, 2);
	assert_true(after(&made, 3)->merged);
	assert_false(after(&made, 3)->accepts_submissions);
	assert_string_equal(after(&made, 3)->name, "Vĩnh Phúc");
	assert_int_equal(after(&made, 6)->parent, 2);
	assert_int_equal(after(&made, 7)->parent, 2);
	assert_false(after(&made, 6)->merged);
	assert_true(after(&made, 6)->accepts_submissions);
	assert_string_equal(after(&made, 2)->name, "Phú Thọ mới");
	assert_int_equal(made.plan.past_count, 4); /* 25, 26 and the two below it */
	assert_int_equal(made.plan.last_day, TODAY);
	clear(&made);
}

static void test_copies_stay_within_the_borders_of_before(void **state)
{
	const char *fault;
	struct made made = make(UNITS, INT32_MIN, "2025-07-01,26,25,,\n2025-06-01,25.1,,17,\n");
	struct unit_tree *tree = unit_tree_new(made.plan.after, COUNT, &fault);
	size_t count;

	(void)state;
	assert_non_null(tree);
	assert_int_equal(unit_top_of(tree, 6), 3);
	assert_int_equal(unit_top_of(tree, 3), 3);
	assert_int_equal(unit_top_of(tree, 8), 2);
	assert_true(unit_is_below(tree, 6, 2));
	assert_ptr_equal(unit_by_id(tree, 3), unit_merged(tree, 2, &count)[0]);
	assert_int_equal(count, 1);
	assert_int_equal(unit_by_id(tree, 2)->children, 2);
	unit_children(tree, 2, &count);
	assert_int_equal(count, 2);
	assert_int_equal(unit_search(tree, "vinh phuc", (const struct unit *[8]){0}, 8), 0);
	unit_tree_free(&tree);
	clear(&made);
}

static void test_the_same_file_again_changes_nothing(void **state)
{
	static const char rows[] = "2025-07-01,26,25,,\n2025-07-01,25.1,,17,Mới\n";
	struct made first = make(UNITS, INT32_MIN, rows);
	struct made again = make(first.plan.after, TODAY, rows);

	(void)state;
	assert_true(first.good && again.good);
	assert_int_equal(again.plan.past_count, 0);
	assert_int_equal(again.plan.last_day, INT32_MIN);
	clear(&again);
	clear(&first);
}

/* 17 into 26 in May, 26 into 25 in July: 17's past has both days, and it ends below 25. */
static void test_days_follow_each_other(void **state)
{
	struct made made = make(UNITS, INT32_MIN, "2025-07-01,26,25,,\n2025-05-01,17,26,,\n");
	size_t pasts = 0;

	(void)state;
	assert_true(made.good);
	assert_int_equal(after(&made, 4)->parent, 2);
	for (size_t i = 0; i < made.plan.past_count; i++) {
		const struct unit_past *past = &made.plan.past[i];
		if (past->row.id != 4)
			continue;
		assert_int_equal(past->held_until, pasts == 0 ? TODAY - 61 : TODAY);
		assert_int_equal(past->row.parent, pasts == 0 ? 1 : 3);
		assert_int_equal(past->row.merged, pasts == 1);
		pasts++;
	}
	assert_int_equal(pasts, 2);
	clear(&made);
}

static void expect_fault(const char *rows, const char *wanted)
{
	struct made made = make(UNITS, TODAY - 61, rows);

	if (made.good || strstr((const char *)made.faults.data, wanted) == NULL)
		fail_msg("%s gives \"%s\", not \"%s\"", rows, (const char *)made.faults.data, wanted);
	clear(&made);
}

static void test_faults_say_line_what_and_how(void **state)
{
	(void)state;
	expect_fault("", "m.csv:1: there are no moves");
	expect_fault("2025-07-01,99,25,,\n", "m.csv:2: there is no unit '99' (code)");
	expect_fault("2025-07-01,26,25,,\n2025-07-01,17,99,,\n", "m.csv:3: there is no unit '99' (merged_into)");
	expect_fault("2025-07-01,26.1,,99,\n", "there is no unit '99' (parent_code)");
	expect_fault("July,26,25,,\n", "m.csv:2: 'July' is no day");
	expect_fault("2025-07-02,26,25,,\n", "has not come yet");
	expect_fault("2025-04-30,26,25,,\n", "moves of 2025-05-01 are in force already");
	expect_fault("2025-07-01,26,,,\n", "nothing happens to the unit");
	expect_fault("2025-07-01,26,25,,Tên\n", "a merged unit gets no other parent and no name");
	expect_fault("2025-07-01,VN,,,Tên\n", "'VN' is the root");
	expect_fault("2025-07-01,VN,,25,\n", "'VN' is the root");
	expect_fault("2025-07-01,26,26,,\n", "'26' cannot be merged into itself");
	expect_fault("2025-07-01,26,,26,\n", "'26' cannot be put under itself");
	expect_fault("2025-07-01,26,25,,\n2025-07-01,17,26,,\n", "m.csv:3: '26' is itself merged");
	expect_fault("2025-06-01,26,25,,\n2025-07-01,17,26,,\n", "m.csv:3: '26' is itself merged");
	expect_fault("2025-07-01,26,25,,\n2025-07-01,25,26,,\n", "is itself merged");
	expect_fault("2025-07-01,26,25,,\n2025-07-01,25.1,,26,\n", "m.csv:3: '26' is merged and has nothing below it");
	expect_fault("2025-06-01,26,25,,\n2025-07-01,26,,,Tên\n", "m.csv:3: '26' was merged before, into '25'");
	expect_fault("2025-07-01,26,25,,\n2025-07-01,26,17,,\n", "m.csv:3: '26' moves on this day already, by line 2");
	expect_fault("2025-07-01,26.1,25,,\n", "a unit is merged into one of its own level");
	expect_fault("2025-07-01,25,,25.1,\n", "a parent is of the same or a higher level");
	expect_fault("2025-07-01,25,,26,\n2025-07-01,26,,25,\n", "would stand below itself");
	expect_fault("2025-06-01,26,,25,\n2025-07-01,25,26,,\n", "m.csv:3: '25' would stand below itself");
}

/* Random moves: whatever is taken leaves a tree of the same units, in which every unit's own ancestors are known. */
static void test_random_moves_leave_a_tree(void **state)
{
	unsigned seed = 7;
	size_t taken = 0;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		char rows[1024] = "";
		for (int i = 0; i < 4; i++) {
			const char *unit = UNITS[rand_r(&seed) % COUNT].code,
				   *other = UNITS[rand_r(&seed) % COUNT].code;
			bool merges = rand_r(&seed) % 2 == 0;
			snprintf(rows + strlen(rows), sizeof(rows) - strlen(rows), "2025-0%d-01,%s,%s,%s,\n", 1 + i,
				unit, merges ? other : "", merges ? "" : other);
		}
		struct made made = make(UNITS, INT32_MIN, rows);
		if (made.good) {
			const char *fault = "";
			struct unit_tree *tree = unit_tree_new(made.plan.after, COUNT, &fault);
			size_t shown = 1;
			assert_non_null(tree);
			for (size_t i = 0; i < COUNT; i++) {
				shown += unit_by_id(tree, UNITS[i].id)->children;
				shown += made.plan.after[i].merged;
			}
			assert_int_equal(shown, COUNT);
			unit_tree_free(&tree);
			taken++;
		}
		clear(&made);
	}
	assert_true(taken > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_merged_unit_is_closed_and_all_below_it_goes_along),
		cmocka_unit_test(test_copies_stay_within_the_borders_of_before),
		cmocka_unit_test(test_the_same_file_again_changes_nothing),
		cmocka_unit_test(test_days_follow_each_other),
		cmocka_unit_test(test_faults_say_line_what_and_how),
		cmocka_unit_test(test_random_moves_leave_a_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
