/* Would catch: lines that depend on where the network cut them, one lost or made up at the end of a file, a large line
 * that is kept in memory or taken for two, and a time of receipt that is not the line's own (law 6). */
#include "services/intake/line_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

enum { LINE_MAX_HERE = 10 };

static int64_t clock_of_the_test;

static int64_t tick(void)
{
	return ++clock_of_the_test;
}

/* Lines as "text|text|", too large ones as "!". */
static void read_all(struct line_reader *reader, struct buffer *out, int64_t *before)
{
	struct line line;
	while (line_reader_next(reader, &line)) {
		buffer_add(out, line.too_large ? (const uint8_t *)"!" : line.text.data,
			line.too_large ? 1 : line.text.size);
		buffer_text(out, "|");
		assert_true(line.received_at > *before);
		*before = line.received_at;
	}
}

static void expect(const char *input, const char *lines)
{
	size_t size = strlen(input);
	for (int round = 0; round < 200; round++) {
		struct line_reader reader = {.line_bytes_max = LINE_MAX_HERE};
		struct buffer out = {0};
		int64_t before = 0;
		for (size_t at = 0, part; at < size; at += part) {
			part = 1 + (size_t)random() % (round == 0 ? 1 : 7);
			part = round == 1 || part > size - at ? size - at : part;
			bool last = at + part == size && random() % 2 == 0;
			assert_true(line_reader_add(
				&reader, (struct bytes){(const uint8_t *)input + at, part}, last, tick));
			if (random() % 3 > 0)
				read_all(&reader, &out, &before);
		}
		if (!reader.ended)
			assert_true(line_reader_add(&reader, (struct bytes){0}, true, tick));
		read_all(&reader, &out, &before);
		assert_true(line_reader_is_over(&reader));
		buffer_add(&out, "", 1);
		assert_string_equal(out.data, lines);
		buffer_deinit(&out);
		line_reader_deinit(&reader);
	}
}

static void lines_do_not_depend_on_the_pieces(void **state)
{
	(void)state;
	expect("", "");
	expect("a\nbc\n", "a|bc|");
	expect("a\nbc", "a|bc|");
	expect("\n\n", "||");
	expect("\na", "|a|");
	expect("1234567890\n12345678901\nx\n", "1234567890|!|x|");
	expect("12345678901234567890123456789012345678901234567890\n\nx", "!||x|");
	expect("12345678901234567890123456789012345678901234567890", "!|");
}

static void a_large_line_is_not_kept(void **state)
{
	static uint8_t piece[1000];
	struct line_reader reader = {.line_bytes_max = LINE_MAX_HERE};
	struct line line;
	(void)state;
	memset(piece, 'x', sizeof(piece));
	for (int i = 0; i < 1000; i++) {
		assert_true(line_reader_add(&reader, (struct bytes){piece, sizeof(piece)}, false, tick));
		assert_false(line_reader_next(&reader, &line));
		assert_int_equal(line_reader_kept(&reader), 0);
	}
	assert_true(reader.input.capacity < 10 * sizeof(piece));
	line_reader_deinit(&reader);
}

static void a_line_has_the_time_of_its_last_byte(void **state)
{
	struct line_reader reader = {.line_bytes_max = LINE_MAX_HERE};
	struct line line;
	(void)state;
	clock_of_the_test = 100;
	assert_true(line_reader_add(&reader, (struct bytes){(const uint8_t *)"a\nb", 3}, false, tick));
	clock_of_the_test = 200;
	assert_true(line_reader_add(&reader, (struct bytes){(const uint8_t *)"\nc", 2}, true, tick));
	for (int64_t expected = 101; expected != 0; expected = expected == 101 ? 201 : expected == 201 ? 202 : 0) {
		assert_true(line_reader_next(&reader, &line));
		assert_int_equal(line.received_at, expected);
	}
	line_reader_deinit(&reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_do_not_depend_on_the_pieces),
		cmocka_unit_test(a_large_line_is_not_kept),
		cmocka_unit_test(a_line_has_the_time_of_its_last_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
