/* Would catch: a cell that is cut or joined wrongly, and a file that is taken although a row does not fit. */
#include "services/control/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const columns[] = {"code", "name", NULL};

static bool read_text(const char *text, struct csv *csv)
{
	return csv_read("x.csv", (struct bytes){(const uint8_t *)text, strlen(text)}, columns, csv);
}

static void assert_row(const struct csv *csv, size_t row, uint32_t line, const char *code, const char *name)
{
	assert_true(row < csv->count);
	assert_int_equal(csv->rows[row].line, line);
	assert_string_equal(csv->rows[row].cells[0], code);
	assert_string_equal(csv->rows[row].cells[1], name);
}

static void cells_come_in_the_wanted_order(void **state)
{
	(void)state;
	struct csv csv;
	assert_true(read_text("\xef\xbb\xbfname,code\r\nSố một,1\r\n\r\n,2\r\nlast,3", &csv));
	assert_int_equal(csv.count, 3);
	assert_row(&csv, 0, 2, "1", "Số một");
	assert_row(&csv, 1, 4, "2", "");
	assert_row(&csv, 2, 5, "3", "last");
	csv_free(&csv);
}

static void quoted_cells_hold_anything(void **state)
{
	(void)state;
	struct csv csv;
	assert_true(read_text("code,name\n\"a,b\",\"said \"\"yes\"\",\ntwice\"\n\"\",\"\"\"\"\nz,\"\"", &csv));
	assert_int_equal(csv.count, 3);
	assert_row(&csv, 0, 2, "a,b", "said \"yes\",\ntwice");
	assert_row(&csv, 1, 4, "", "\"");
	assert_row(&csv, 2, 5, "z", "");
	csv_free(&csv);
}

static void what_does_not_fit_is_refused(void **state)
{
	(void)state;
	static const char *const texts[] = {"", "code\n1\n", "code,code\n1,2\n", "code,name,more\n1,2,3\n",
		"code,nam\n1,2\n", "code,name\n1\n", "code,name\n1,2,3\n", "code,name\n\"1,2\n",
		"code,name\n\"1\"2,3\n", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\n"};
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		struct csv csv;
		assert_false(read_text(texts[i], &csv));
		csv_free(&csv);
	}
}

static void a_nul_is_not_text(void **state)
{
	(void)state;
	struct csv csv;
	assert_false(csv_read("x.csv", (struct bytes){(const uint8_t *)"code,name\n1,\0002\n", 15}, columns, &csv));
	csv_free(&csv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_come_in_the_wanted_order),
		cmocka_unit_test(quoted_cells_hold_anything),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(a_nul_is_not_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
