/* Would catch a process whose memory, full of personal data, ends up in a core file (law 10), and figures of a process
 * that are missing or absurd, also after it may no longer be dumped (/proc is then root's). */
#include "common/runtime/process.h"

#include "common/runtime/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cmocka.h>

static double figure(const char *text, const char *name)
{
	char line[80];
	snprintf(line, sizeof(line), "\n%s ", name);
	const char *at = strstr(text, line);
	if (at == NULL)
		print_error("no %s in %s", name, text);
	return at != NULL ? strtod(at + strlen(line), NULL) : -1;
}

static void dumps_are_forbidden(void **state)
{
	(void)state;
	struct rlimit core;
	assert_true(process_forbid_dumps());
	assert_int_equal(getrlimit(RLIMIT_CORE, &core), 0);
	assert_int_equal(core.rlim_cur, 0);
	assert_int_equal(core.rlim_max, 0);
#ifndef __SANITIZE_ADDRESS__
	assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
#endif
}

static void figures_are_there(void **state)
{
	(void)state;
	struct buffer out = {0};
	process_render_metrics(clock_now_us(), &out);
	buffer_add(&out, "", 1);
	const char *text = (const char *)out.data;
	assert_true(figure(text, "process_resident_memory_bytes") > 100000);
	assert_true(figure(text, "process_cpu_seconds_total") >= 0);
	double descriptors = figure(text, "process_open_fds");
	assert_true(descriptors >= 3 && descriptors < 1000);
	assert_true(figure(text, "process_max_fds") >= descriptors);
	assert_true(figure(text, "process_threads") >= 1);
	assert_true(figure(text, "process_start_time_seconds") > 1.6e9);
	buffer_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dumps_are_forbidden),
		cmocka_unit_test(figures_are_there), /* after the first, on purpose */
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
