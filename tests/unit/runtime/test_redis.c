/* Would catch: a late answer taken for the next command's; a command that waits past its time; a pipeline whose
 * answers shift after a reconnection; a login lost with the connection. */
#include "common/runtime/clock.h"
#include "common/runtime/redis.h"

#include "tests/unit/await.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { TIMEOUT_MS = 500, PATIENCE_MS = 10000 };

/* Of a private server with user "tester", password "secret"; tests/run starts one. */
static const char *address(void)
{
	const char *given = getenv("SANGKIEN_TEST_REDIS");
	if (given == NULL)
		skip();
	return given;
}

static bool await_ready(struct redis *redis)
{
	int64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
	while (!redis_ready(redis))
		if (!await_again(deadline_ms))
			return false;
	return true;
}

static struct redis *open_ready(void)
{
	struct redis *redis = redis_open(address(), NULL, NULL, TIMEOUT_MS);
	assert_non_null(redis);
	assert_true(await_ready(redis));
	return redis;
}

static void assert_answers(struct redis *redis)
{
	CLEANUP(redis_reply_clear) redisReply *reply = redis_command(redis, "PING");
	assert_non_null(reply);
	assert_string_equal(reply->str, "PONG");
}

static void append(struct redis *redis, const char *command, const char *value)
{
	const char *argv[] = {command, value};
	assert_true(redis_append(redis, 2, argv, NULL));
}

static void commands_and_pipelines_answer_in_order(void **state)
{
	(void)state;
	struct redis *redis = open_ready();
	const char *argv[] = {"SET", "binary", "a\0b"};
	const size_t sizes[] = {3, 6, 3};
	CLEANUP(redis_reply_clear) redisReply *set = redis_run(redis, 3, argv, sizes);
	CLEANUP(redis_reply_clear) redisReply *length = redis_command(redis, "STRLEN %s", "binary");
	assert_non_null(set);
	assert_int_equal(length->integer, 3);
	append(redis, "ECHO", "one");
	append(redis, "ECHO", "two");
	CLEANUP(redis_reply_clear) redisReply *one = redis_collect(redis);
	CLEANUP(redis_reply_clear) redisReply *two = redis_collect(redis);
	assert_string_equal(one->str, "one");
	assert_string_equal(two->str, "two");
	assert_null(redis_collect(redis));
	redis_close(&redis);
	assert_null(redis);
}

static void an_error_reply_is_no_answer_and_the_connection_stays(void **state)
{
	(void)state;
	struct redis *redis = open_ready();
	assert_null(redis_command(redis, "NOSUCHCOMMAND"));
	append(redis, "NOSUCHCOMMAND", "x");
	append(redis, "ECHO", "still here");
	assert_null(redis_collect(redis));
	CLEANUP(redis_reply_clear) redisReply *reply = redis_collect(redis);
	assert_non_null(reply);
	assert_string_equal(reply->str, "still here");
	redis_close(&redis);
}

static void a_late_answer_is_never_the_next_commands(void **state)
{
	(void)state;
	struct redis *redis = open_ready();
	int64_t began = clock_monotonic_ms();
	assert_null(redis_command(redis, "BLPOP nothing 2"));
	assert_true(clock_monotonic_ms() - began < TIMEOUT_MS + 1000);
	assert_true(await_ready(redis));
	assert_answers(redis);
	redis_close(&redis);
}

static void kill_others(struct redis *by)
{
	CLEANUP(redis_reply_clear) redisReply *reply = redis_command(by, "CLIENT KILL TYPE normal SKIPME yes");
	assert_non_null(reply);
}

static void a_killed_connection_comes_back(void **state)
{
	(void)state;
	struct redis *redis = open_ready(), *other = open_ready();
	kill_others(other);
	CLEANUP(redis_reply_clear) redisReply *reply = redis_command(redis, "PING");
	assert_null(reply);
	assert_true(await_ready(redis));
	assert_answers(redis);
	redis_close(&redis);
	redis_close(&other);
}

static void a_cut_off_pipeline_collects_nothing_and_at_once(void **state)
{
	(void)state;
	struct redis *redis = open_ready(), *other = open_ready();
	int64_t began = clock_monotonic_ms();
	append(redis, "ECHO", "one");
	append(redis, "ECHO", "two");
	append(redis, "ECHO", "three");
	kill_others(other);
	assert_null(redis_collect(redis));
	assert_null(redis_collect(redis));
	assert_null(redis_collect(redis));
	assert_true(clock_monotonic_ms() - began < TIMEOUT_MS);
	assert_true(await_ready(redis));
	assert_answers(redis);
	redis_close(&redis);
	redis_close(&other);
}

static void the_login_is_of_every_connection(void **state)
{
	(void)state;
	const char *server = address();
	char path[] = "/tmp/sk.password.XXXXXX";
	int file = mkstemp(path);
	assert_int_equal(write(file, "secret\n", 7), 7);
	struct redis *redis = redis_open(server, "tester", path, TIMEOUT_MS), *other = open_ready();
	assert_true(await_ready(redis));
	for (int i = 0; i < 2; i++) {
		CLEANUP(redis_reply_clear) redisReply *who = redis_command(redis, "ACL WHOAMI");
		assert_non_null(who);
		assert_string_equal(who->str, "tester");
		kill_others(other);
		assert_null(redis_command(redis, "PING"));
		assert_true(await_ready(redis));
	}
	redis_close(&redis);
	redis_close(&other);
	close(file);
	unlink(path);
}

static void a_wrong_password_is_away(void **state)
{
	(void)state;
	const char *server = address();
	char path[] = "/tmp/sk.password.XXXXXX";
	int file = mkstemp(path);
	assert_int_equal(write(file, "guess", 5), 5);
	struct redis *redis = redis_open(server, "tester", path, TIMEOUT_MS);
	assert_false(redis_ready(redis));
	assert_null(redis_command(redis, "PING"));
	redis_close(&redis);
	redis = redis_open(server, "tester", "/nonexistent", TIMEOUT_MS);
	assert_false(redis_ready(redis));
	redis_close(&redis);
	close(file);
	unlink(path);
}

static void away_is_said_at_once_between_tries(void **state)
{
	(void)state;
	struct redis *redis = redis_open("unix:/nonexistent/redis.sock", NULL, NULL, TIMEOUT_MS);
	int64_t began = clock_monotonic_ms();
	for (int i = 0; i < 1000; i++)
		assert_false(redis_ready(redis));
	assert_true(clock_monotonic_ms() - began < TIMEOUT_MS);
	redis_close(&redis);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_and_pipelines_answer_in_order),
		cmocka_unit_test(an_error_reply_is_no_answer_and_the_connection_stays),
		cmocka_unit_test(a_late_answer_is_never_the_next_commands),
		cmocka_unit_test(a_killed_connection_comes_back),
		cmocka_unit_test(a_cut_off_pipeline_collects_nothing_and_at_once),
		cmocka_unit_test(the_login_is_of_every_connection),
		cmocka_unit_test(a_wrong_password_is_away),
		cmocka_unit_test(away_is_said_at_once_between_tries),
	};
	signal(SIGPIPE, SIG_IGN); /* hiredis writes without MSG_NOSIGNAL; services ignore it too */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
