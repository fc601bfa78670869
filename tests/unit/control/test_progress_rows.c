/* Would catch: a name that a spreadsheet runs as a formula, a column under another's heading, children shown in a phase
 * that is over. */
#include "services/control/progress_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ENTRY(period, target, days)                                                                                    \
	"{" period ",\"counts\":\"initiatives\",\"target\":" target ",\"parts_target\":1784,\"target_mismatch\":true," \
	"\"counted\":81,\"people\":30,\"percent\":40.5,\"met\":false,\"days_left\":" days                              \
	",\"required_per_day\":5.95,\"pace_per_day\":2.00,\"projected\":120}"
#define UNIT(code, name, target)                                                                                       \
	"\"unit\":\"" code "\",\"name\":\"" name                                                                       \
	"\",\"phases\":[" ENTRY("\"phase\":\"all\"", target, "9") "," ENTRY("\"phase\":1", target, "0") "," ENTRY(     \
		"\"phase\":2", target, "9") "],\"rounds\":[" ENTRY("\"round\":1", "null", "9") "]"

static const char ANSWER[] =
	"{\"campaign\":\"demo\"," UNIT("01.018", "LĐLĐ huyện Gia Lâm", "5342") ",\"children\":[{" UNIT(
		"A", "=cmd|' /C calc'!A0", "10") "},{" UNIT("B", "Mười \\\"hai\\\", mười ba", "null") "}]}";

static struct progress_rows rows_of(const char *json)
{
	struct progress_rows rows;

	assert_true(progress_rows_read((struct bytes){(const uint8_t *)json, strlen(json)}, &rows));
	return rows;
}

static void test_reads_the_answer(void **state)
{
	CLEANUP(progress_rows_free) struct progress_rows rows = rows_of(ANSWER);

	(void)state;
	assert_int_equal(rows.count, 12);
	assert_string_equal(rows.lines[0].cells[PROGRESS_UNIT], "01.018");
	assert_string_equal(rows.lines[0].cells[PROGRESS_PERIOD], "all");
	assert_string_equal(rows.lines[2].cells[PROGRESS_PERIOD], "phase_2");
	assert_string_equal(rows.lines[3].cells[PROGRESS_PERIOD], "round_1");
	assert_string_equal(rows.lines[3].cells[PROGRESS_TARGET], "");
	assert_string_equal(rows.lines[0].cells[PROGRESS_PACE], "2.00"); /* as it was written */
	assert_false(rows.lines[3].is_child);
	assert_true(rows.lines[4].is_child);
	assert_string_equal(progress_rows_focus(&rows), "phase_2");
}

static void test_refuses_what_is_no_answer(void **state)
{
	static const char *const BAD[] = {"", "[]", "{}", "{\"phases\":[],\"rounds\":[],\"children\":[]}",
		"{\"children\":[]}", "{\"phases\":[],\"rounds\":[]}"};
	struct progress_rows rows;

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(BAD); i++)
		assert_false(progress_rows_read((struct bytes){(const uint8_t *)BAD[i], strlen(BAD[i])}, &rows));
}

static void test_csv(void **state)
{
	CLEANUP(progress_rows_free) struct progress_rows rows = rows_of(ANSWER);
	CLEANUP(buffer_deinit) struct buffer out = {0};

	(void)state;
	progress_rows_csv(&rows, &out);
	buffer_add(&out, "", 1);
	const char *text = (const char *)out.data;
	assert_non_null(
		strstr(text, "unit,name,period,counts,target,parts_target,target_mismatch,counted,people,percent,met,"
			     "days_left,required_per_day,pace_per_day,projected\r\n"));
	assert_non_null(
		strstr(text, "01.018,LĐLĐ huyện Gia Lâm,all,initiatives,5342,1784,true,81,30,40.5,false,9,5.95,2.00,"
			     "120\r\n"));
	assert_non_null(strstr(text, "A,\"'=cmd|' /C calc'!A0\",phase_1,"));
	assert_non_null(strstr(text, "B,\"Mười \"\"hai\"\", mười ba\",round_1,initiatives,,1784,"));
}

static void test_table(void **state)
{
	CLEANUP(progress_rows_free) struct progress_rows rows = rows_of(ANSWER);
	CLEANUP(buffer_deinit) struct buffer out = {0};

	(void)state;
	progress_rows_table(&rows, "phase_1", &out);
	buffer_add(&out, "", 1);
	const char *text = (const char *)out.data;
	size_t lines = 0;
	for (const char *at = text; *at != '\0'; at++)
		lines += *at == '\n';
	assert_int_equal(lines, 1 + 4 + 1 + 2);
	assert_non_null(strstr(text, "1784 !"));
	/* Vietnamese letters are one column each: the period stands under its title. */
	const char *title = strstr(text, "period"), *row = strstr(text, "01.018");
	size_t column = (size_t)(title - text), bytes_more = strlen("LĐLĐ huyện Gia Lâm") - 18;
	assert_int_equal(strncmp(row + column + bytes_more, "all", 3), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_the_answer),
		cmocka_unit_test(test_refuses_what_is_no_answer),
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
