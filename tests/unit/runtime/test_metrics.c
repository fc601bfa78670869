/* Would catch metrics text that Prometheus refuses: HELP or TYPE twice for one name, lines of a name apart,
 * buckets that do not add up; and a counter that loses updates between threads. */
#include "common/runtime/metrics.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char *render(const struct metrics *metrics, struct buffer *out)
{
	buffer_clear(out);
	metrics_render(metrics, out);
	buffer_add(out, "", 1);
	assert_false(out->failed);
	return (char *)out->data;
}

static void names_are_told_once(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new();
	struct buffer out = {0};
	assert_string_equal(render(metrics, &out), "");
	struct metric *quota = metrics_counter(metrics, "sangkien_x_total", "stage=\"quota\"", "All\nof \\ it.");
	struct metric *depth = metrics_gauge(metrics, "sangkien_depth", NULL, "How deep.");
	struct metric *intake = metrics_counter(metrics, "sangkien_x_total", "stage=\"intake\"", "ignored");
	metric_add(quota, 3);
	metric_add(intake, UINT64_C(18446744073709551615));
	metric_set(depth, -5);
	assert_string_equal(render(metrics, &out), "# HELP sangkien_x_total All\\nof \\\\ it.\n"
						   "# TYPE sangkien_x_total counter\n"
						   "sangkien_x_total{stage=\"quota\"} 3\n"
						   "sangkien_x_total{stage=\"intake\"} 18446744073709551615\n"
						   "# HELP sangkien_depth How deep.\n"
						   "# TYPE sangkien_depth gauge\n"
						   "sangkien_depth -5\n");
	assert_ptr_equal(metrics_counter(metrics, "sangkien_x_total", "stage=\"quota\"", ""), quota);
	assert_int_equal(metric_value(quota), 3);
	buffer_deinit(&out);
	metrics_free(&metrics);
	assert_null(metrics);
	metrics_free(&metrics);
}

static void buckets_add_up(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new();
	struct buffer out = {0};
	struct metric *plain = metrics_histogram(metrics, "wait_seconds", NULL, "Wait.");
	struct metric *labelled = metrics_histogram(metrics, "wait_seconds", "to=\"x\"", "Wait.");
	metric_observe_us(plain, -3); /* a clock set back counts as nothing, not as 584,000 years */
	metric_observe_us(plain, 250);
	metric_observe_us(plain, 251);
	metric_observe_us(plain, 32768000);
	metric_observe_us(plain, 32768001);
	metric_observe_us(labelled, 1500000);
	const char *text = render(metrics, &out);
	assert_non_null(strstr(text, "wait_seconds_bucket{le=\"0.00025\"} 2\n"));
	assert_non_null(strstr(text, "wait_seconds_bucket{le=\"0.0005\"} 3\n"));
	assert_non_null(strstr(text, "wait_seconds_bucket{le=\"16.384\"} 3\n"));
	assert_non_null(strstr(text, "wait_seconds_bucket{le=\"32.768\"} 4\n"));
	assert_non_null(strstr(text, "wait_seconds_bucket{le=\"+Inf\"} 5\n"));
	assert_non_null(strstr(text, "wait_seconds_sum 65.536502\n"));
	assert_non_null(strstr(text, "wait_seconds_count 5\n"));
	assert_non_null(strstr(text, "wait_seconds_bucket{to=\"x\",le=\"1.024\"} 0\n"));
	assert_non_null(strstr(text, "wait_seconds_bucket{to=\"x\",le=\"2.048\"} 1\n"));
	assert_non_null(strstr(text, "wait_seconds_sum{to=\"x\"} 1.500000\n"));
	assert_non_null(strstr(text, "wait_seconds_count{to=\"x\"} 1\n"));
	const char *type = strstr(text, "# TYPE wait_seconds histogram\n");
	assert_non_null(type);
	assert_null(strstr(type + 1, "# TYPE"));
	buffer_deinit(&out);
	metrics_free(&metrics);
}

enum { THREADS = 4, ADDS = 50000 };

static void *add_many(void *context)
{
	for (int i = 0; i < ADDS; i++)
		metric_add(context, 1);
	return NULL;
}

static void no_update_is_lost(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new();
	struct metric *counter = metrics_counter(metrics, "c_total", NULL, "C.");
	pthread_t threads[THREADS];
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, counter), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(metric_value(counter), THREADS * ADDS);
	metrics_free(&metrics);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_told_once),
		cmocka_unit_test(buckets_add_up),
		cmocka_unit_test(no_update_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
