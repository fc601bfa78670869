/* Catches: an instance that is not seen, a file that is no socket taken for one, a name that stops the loop, a setting
 * with a typing error that is silently no upstream at all. */
#include "common/edge/upstream_list.h"
#include "common/runtime/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { DEADLINE_MS = 20000 };

static char found[UPSTREAMS_MAX][UPSTREAM_ENDPOINT_SIZE];

static void make_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(address.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

static void test_sockets_that_match(void **state)
{
	char directory[32] = "/tmp/sk.list.XXXXXX", path[64], text[192];
	struct upstream_list *list;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(text, sizeof(text), "ipc://%s/up-*, ipc://%s/up-1 ,ipc://%s/other", directory, directory, directory);
	list = upstream_list_open(text);
	assert_non_null(list);
	assert_int_equal(upstream_list_now(list, found, UPSTREAMS_MAX), 0);
	snprintf(path, sizeof(path), "%s/up-9", directory);
	fclose(fopen(path, "w"));
	assert_int_equal(upstream_list_now(list, found, UPSTREAMS_MAX), 0); /* a file, but no socket */
	unlink(path);
	make_socket(path);
	snprintf(path, sizeof(path), "%s/up-1", directory);
	make_socket(path);
	assert_int_equal(upstream_list_now(list, found, UPSTREAMS_MAX), 2);
	snprintf(text, sizeof(text), "ipc://%s", path);
	assert_string_equal(found[0], text);
	assert_int_equal(upstream_list_now(list, found, 1), 1);
	unlink(path);
	assert_int_equal(upstream_list_now(list, found, UPSTREAMS_MAX), 1);
	snprintf(path, sizeof(path), "%s/up-9", directory);
	unlink(path);
	upstream_list_close(&list);
	assert_int_equal(rmdir(directory), 0);
}

static void test_names_and_addresses(void **state)
{
	struct upstream_list *list = upstream_list_open("tcp://127.0.0.1:7001,tcp://[::1]:7002,tcp://localhost:7001");
	int64_t until_ms = clock_monotonic_ms() + DEADLINE_MS;
	bool has_4 = false, has_6 = false;
	size_t count;

	(void)state;
	assert_non_null(list);
	while ((!has_4 || !has_6) && clock_monotonic_ms() < until_ms) {
		count = upstream_list_now(list, found, UPSTREAMS_MAX);
		for (size_t i = 0; i < count; i++) {
			has_4 |= strcmp(found[i], "tcp://127.0.0.1:7001") == 0;
			has_6 |= strcmp(found[i], "tcp://[::1]:7002") == 0;
		}
		usleep(1000);
	}
	assert_true(has_4);
	assert_true(has_6);
	upstream_list_close(&list);
}

static void test_looking_never_waits_for_a_name(void **state)
{
	int64_t started_ms = clock_monotonic_ms();
	struct upstream_list *list = upstream_list_open("tcp://nowhere.invalid:7001");

	(void)state;
	assert_non_null(list);
	for (int i = 0; i < 100; i++)
		assert_int_equal(upstream_list_now(list, found, UPSTREAMS_MAX), 0);
	upstream_list_close(&list);
	assert_true(clock_monotonic_ms() - started_ms < 1000);
}

static void test_what_is_no_list(void **state)
{
	static const char *const bad[] = {"ipc://relative/path", "tcp://host", "tcp://host:", "tcp://:7001",
		"tcp://host:port", "http://host:7001", "ipc:///a b", "/run/edge/up-1", "tcp://host:7001,,x"};
	struct upstream_list *list;

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		errno = 0;
		assert_null(upstream_list_open(bad[i]));
		assert_int_equal(errno, EINVAL);
	}
	list = upstream_list_open(""); /* none, on purpose */
	assert_non_null(list);
	assert_int_equal(upstream_list_now(list, found, UPSTREAMS_MAX), 0);
	upstream_list_close(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sockets_that_match),
		cmocka_unit_test(test_names_and_addresses),
		cmocka_unit_test(test_looking_never_waits_for_a_name),
		cmocka_unit_test(test_what_is_no_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
