/* Would catch a log line that is no JSON (an unescaped value, a half character, a line over PIPE_BUF that gets mixed
 * with others), a level that is written though it should not be, and a loop that fills the disk. */
#include "common/runtime/log.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yajl/yajl_tree.h>

#include <cmocka.h>

enum { CAPTURED_MAX = 1 << 20 };

struct capture {
	int pipe[2], saved;
	char text[CAPTURED_MAX];
};

/* stderr goes into a pipe that is never full: tests write less than it holds. */
static int capture_begin(void **state)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	assert_non_null(capture);
	assert_int_equal(pipe2(capture->pipe, O_NONBLOCK), 0);
	fcntl(capture->pipe[1], F_SETPIPE_SZ, CAPTURED_MAX);
	capture->saved = dup(STDERR_FILENO);
	dup2(capture->pipe[1], STDERR_FILENO);
	*state = capture;
	return 0;
}

static int capture_end(void **state)
{
	struct capture *capture = *state;
	dup2(capture->saved, STDERR_FILENO);
	close(capture->saved);
	close(capture->pipe[0]);
	close(capture->pipe[1]);
	free(capture);
	return 0;
}

static char *captured(struct capture *capture)
{
	size_t size = 0;
	ssize_t more;
	while ((more = read(capture->pipe[0], capture->text + size, CAPTURED_MAX - 1 - size)) > 0)
		size += (size_t)more;
	capture->text[size] = '\0';
	return capture->text;
}

/* One line that must be JSON, without its newline. */
static yajl_val parse_line(char *text)
{
	size_t size = strlen(text);
	assert_true(size > 1 && text[size - 1] == '\n');
	assert_ptr_equal(strchr(text, '\n'), text + size - 1);
	char error[200];
	yajl_val line = yajl_tree_parse(text, error, sizeof(error));
	if (line == NULL)
		fail_msg("%s in %s", error, text);
	return line;
}

static const char *text_of(yajl_val line, const char *name)
{
	const char *path[] = {name, NULL};
	return YAJL_GET_STRING(yajl_tree_get(line, path, yajl_t_string));
}

static void a_line_has_its_fields(void **state)
{
	const struct id128 id = {.octet = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xff}};
	log_open("quota", "quota-1", LOG_INFO);
	log_warn("board_stale", KV_TEXT("why", "a \"quoted\"\nline \xff"), KV_I64("minus", -1),
		KV_U64("most", UINT64_MAX), KV_REAL("rate", 0.25), KV_REAL("none", NAN), KV_BOOL("current", false),
		KV_ID("id", &id), KV_TEXT("absent", NULL));
	char *text = captured(*state);
	assert_non_null(
		strstr(text, "\"minus\":-1,\"most\":18446744073709551615,\"rate\":0.25,\"none\":null,"
			     "\"current\":false,\"id\":\"01234567-89ab-cdef-ff00-000000000000\",\"absent\":null}"));
	yajl_val line = parse_line(text);
	assert_string_equal(text_of(line, "level"), "warn");
	assert_string_equal(text_of(line, "service"), "quota");
	assert_string_equal(text_of(line, "instance"), "quota-1");
	assert_string_equal(text_of(line, "event"), "board_stale");
	assert_string_equal(text_of(line, "why"), "a \"quoted\"\nline \xEF\xBF\xBD");
	assert_non_null(strstr(text_of(line, "ts"), "+07:00"));
	yajl_tree_free(line);
}

static void less_than_the_level_is_not_written(void **state)
{
	log_open("quota", "quota-1", LOG_WARN);
	log_info("not_written");
	log_debug("not_written");
	assert_string_equal(captured(*state), "");
	errno = EPERM;
	log_error("written");
	assert_int_equal(errno, EPERM); /* callers log before they look at it */
	yajl_val line = parse_line(captured(*state));
	assert_string_equal(text_of(line, "event"), "written");
	yajl_tree_free(line);
}

static void a_long_line_is_cut_but_whole_json(void **state)
{
	log_open("quota", "quota-1", LOG_INFO);
	static char sane[3001], worst[3001];
	for (size_t i = 0; i + 1 < sizeof(sane); i++)
		sane[i] = "\xE1\xBA\xBF"[i % 3];
	memset(worst, '\1', sizeof(worst) - 1);
	log_info("long", KV_TEXT("sane", sane), KV_TEXT("second", sane), KV_TEXT("worst", worst), KV_I64("lost", 1));
	char *text = captured(*state);
	assert_true(strlen(text) <= 4096);
	yajl_val line = parse_line(text);
	assert_int_equal(strlen(text_of(line, "sane")), 1023); /* 341 whole characters */
	assert_int_equal(strlen(text_of(line, "second")), 1023);
	assert_non_null(strstr(text, ",\"truncated\":true}"));
	assert_null(strstr(text, "lost"));
	yajl_tree_free(line);
}

static void a_loop_does_not_fill_the_disk(void **state)
{
	log_open("quota", "quota-1", LOG_INFO);
	for (int i = 0; i < 5000; i++)
		log_info("loop", KV_I64("i", i));
	log_info("another");
	char *text = captured(*state);
	size_t lines = 0;
	for (char *at = text; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	assert_in_range(lines, 51, 50 * 4 + 1); /* the second may turn meanwhile */
	assert_non_null(strstr(text, "\"another\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_line_has_its_fields, capture_begin, capture_end),
		cmocka_unit_test_setup_teardown(less_than_the_level_is_not_written, capture_begin, capture_end),
		cmocka_unit_test_setup_teardown(a_long_line_is_cut_but_whole_json, capture_begin, capture_end),
		cmocka_unit_test_setup_teardown(a_loop_does_not_fill_the_disk, capture_begin, capture_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
