/* Would catch a bad setting that is taken as some number, a mistake that is not named, and a required setting that
 * nobody gave. */
#include "common/runtime/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct settings {
	char *address;
	char *name;
	uint32_t window, any;
	bool on;
};

static const struct config_field FIELDS[] = {
	{"T_ADDRESS", CONFIG_TEXT, offsetof(struct settings, address), NULL, "where it listens", 0, 0},
	{"T_NAME", CONFIG_TEXT, offsetof(struct settings, name), "", "its name", 0, 0},
	{"T_WINDOW", CONFIG_U32, offsetof(struct settings, window), "20000", "most under way", 1, 100000},
	{"T_ANY", CONFIG_U32, offsetof(struct settings, any), "0", "any number", 0, 0},
	{"T_ON", CONFIG_BOOL, offsetof(struct settings, on), "true", "whether", 0, 0},
};

static int clear_environment(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(FIELDS); i++)
		unsetenv(FIELDS[i].name);
	return 0;
}

/* What config_load() says; the caller frees it. */
static char *complaints_of(struct settings *settings, bool *good)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);
	assert_non_null(stream);
	*good = config_load(FIELDS, ARRAY_LENGTH(FIELDS), settings, stream);
	fclose(stream);
	return text;
}

static void defaults_and_given_values(void **state)
{
	(void)state;
	struct settings settings = {0};
	bool good;
	setenv("T_ADDRESS", "unix:/x", 1);
	char *complaints = complaints_of(&settings, &good);
	assert_true(good);
	assert_string_equal(complaints, "");
	free(complaints);
	assert_string_equal(settings.address, "unix:/x");
	assert_string_equal(settings.name, "");
	assert_int_equal(settings.window, 20000);
	assert_true(settings.on);
	setenv("T_NAME", "intake-1", 1);
	setenv("T_WINDOW", "100000", 1);
	setenv("T_ANY", "4294967295", 1);
	setenv("T_ON", "0", 1);
	complaints = complaints_of(&settings, &good);
	assert_true(good);
	free(complaints);
	assert_string_equal(settings.name, "intake-1");
	assert_int_equal(settings.window, 100000);
	assert_int_equal(settings.any, UINT32_MAX);
	assert_false(settings.on);
}

static void assert_refused(const char *name, const char *value, const char *line)
{
	struct settings settings = {0};
	bool good;
	setenv("T_ADDRESS", "unix:/x", 1);
	setenv(name, value, 1);
	char *complaints = complaints_of(&settings, &good);
	assert_false(good);
	assert_string_equal(complaints, line);
	free(complaints);
	unsetenv(name);
}

static void bad_values_are_named(void **state)
{
	(void)state;
	static const char *const numbers[] = {"", "-1", "+1", " 1", "1 ", "1x", "0x10", "1e3", "0", "100001",
		"4294967297", "18446744073709551617", "99999999999999999999999999999999"};
	for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
		char line[300];
		snprintf(line, sizeof(line),
			"T_WINDOW: \"%s\" is not a whole number from 1 to 100000 (most under way)\n", numbers[i]);
		assert_refused("T_WINDOW", numbers[i], line);
	}
	assert_refused("T_ANY", "4294967296",
		"T_ANY: \"4294967296\" is not a whole number from 0 to 4294967295 (any number)\n");
	assert_refused("T_ON", "yes", "T_ON: \"yes\" is neither 0, 1, false nor true (whether)\n");
	assert_refused("T_ON", "a\nb", "T_ON: \"a?b\" is neither 0, 1, false nor true (whether)\n");
	assert_refused("T_ADDRESS", "", "T_ADDRESS: must be given (where it listens)\n");
}

static void every_mistake_has_its_line(void **state)
{
	(void)state;
	struct settings settings = {0};
	bool good;
	setenv("T_WINDOW", "x", 1);
	setenv("T_ON", "x", 1);
	char *complaints = complaints_of(&settings, &good);
	assert_false(good);
	size_t lines = 0;
	for (const char *at = complaints; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	assert_int_equal(lines, 3);
	free(complaints);
}

static void print_shows_default_and_value(void **state)
{
	(void)state;
	struct settings settings = {0};
	bool good;
	setenv("T_WINDOW", "7", 1);
	free(complaints_of(&settings, &good));
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);
	config_print(FIELDS, ARRAY_LENGTH(FIELDS), &settings, stream);
	fclose(stream);
	assert_string_equal(text, "T_ADDRESS\t(required)\t\twhere it listens\n"
				  "T_NAME\t\t\tits name\n"
				  "T_WINDOW\t20000\t7\tmost under way\n"
				  "T_ANY\t0\t0\tany number\n"
				  "T_ON\ttrue\ttrue\twhether\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(defaults_and_given_values, clear_environment),
		cmocka_unit_test_setup(bad_values_are_named, clear_environment),
		cmocka_unit_test_setup(every_mistake_has_its_line, clear_environment),
		cmocka_unit_test_setup(print_shows_default_and_value, clear_environment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
