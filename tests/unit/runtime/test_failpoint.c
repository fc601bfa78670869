/* Would catch: a failpoint that kills without being asked, at another's name, or again after a restart. */
#include "common/runtime/failpoint.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The signal that ended a child at this place; 0: it passed. */
static int signal_at(const char *name)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		failpoint(name);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void kills_only_where_it_is_set(void **state)
{
	(void)state;
	unsetenv("SANGKIEN_FAILPOINT");
	assert_int_equal(signal_at("a-place"), 0);
	setenv("SANGKIEN_FAILPOINT", "a-place", 1);
	assert_int_equal(signal_at("another-place"), 0);
	assert_int_equal(signal_at("a-place"), SIGKILL);
	assert_int_equal(signal_at("a-place"), SIGKILL);
}

static int signal_on(const char *text)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		failpoint_on("a-place", (struct bytes){(const uint8_t *)text, strlen(text)});
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void kills_on_a_text_alone(void **state)
{
	(void)state;
	setenv("SANGKIEN_FAILPOINT", "a-place", 1);
	unsetenv("SANGKIEN_FAILPOINT_TEXT");
	assert_int_equal(signal_on("some poison"), 0);
	setenv("SANGKIEN_FAILPOINT_TEXT", "poison", 1);
	assert_int_equal(signal_on("some"), 0);
	assert_int_equal(signal_on(""), 0);
	assert_int_equal(signal_on("some poison"), SIGKILL);
	unsetenv("SANGKIEN_FAILPOINT_TEXT");
}

static void kills_once_where_a_file_remembers(void **state)
{
	char directory[] = "/tmp/sk.XXXXXX", path[64];

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/once", directory);
	setenv("SANGKIEN_FAILPOINT", "a-place", 1);
	setenv("SANGKIEN_FAILPOINT_ONCE", path, 1);
	assert_int_equal(signal_at("a-place"), SIGKILL);
	assert_int_equal(signal_at("a-place"), 0);
	unsetenv("SANGKIEN_FAILPOINT_ONCE");
	unlink(path);
	rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kills_only_where_it_is_set),
		cmocka_unit_test(kills_on_a_text_alone),
		cmocka_unit_test(kills_once_where_a_file_remembers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
