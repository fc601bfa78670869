/* Would catch: tracking and a waiting receipt that answer in different forms, a reason without its words, a list of
 * reasons cut in the wrong place, text that breaks out of the JSON. */
#include "common/domain/status_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static struct bytes bytes_of(const char *text)
{
	return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static void expect(const struct status_report *report, const char *part)
{
	struct buffer out = {0};
	status_json(report, true, &out);
	buffer_add(&out, "", 1);
	if (strstr((const char *)out.data, part) == NULL)
		fail_msg("no %s in %s", part, (const char *)out.data);
	buffer_deinit(&out);
}

static void what_is_decided_is_told_whole(void **state)
{
	static const struct status_change HISTORY[] = {
		{STATUS_RECEIVED, INT64_C(1617235200000000)}, {STATUS_REJECTED, INT64_C(1617235201500000)}};
	static const double SIMILAR[] = {0.91249, 1};
	const struct status_report report = {
		.campaign = "demo",
		.unit = bytes_of("a\"b"),
		.status = STATUS_REJECTED,
		.reasons = bytes_of("required applied_on;duplicate;too_long description"),
		.phase = 2,
		.received_at = INT64_C(1617235200000000),
		.decided_at = INT64_C(1617235201500000),
		.similar = SIMILAR,
		.similar_count = 2,
		.history = HISTORY,
		.history_count = 2,
	};
	(void)state;
	expect(&report, "\"tracking_code\":\"00000-");
	expect(&report, ",\"campaign\":\"demo\",\"unit\":\"a\\\"b\",\"status\":\"rejected\",\"reasons\":[{\"code\":");
	expect(&report, "[{\"code\":\"required\",\"field\":\"applied_on\",\"message\":\"Fill in the day");
	expect(&report, "},{\"code\":\"duplicate\",\"field\":null,\"message\":\"The text");
	expect(&report, "},{\"code\":\"too_long\",\"field\":\"description\",\"message\":");
	expect(&report, ",\"phase\":2,\"received_at\":\"2021-04-01T07:00:00+07:00\",\"decided_at\":\"");
	expect(&report, ",\"similar\":[{\"score\":0.912},{\"score\":1.000}]");
	expect(&report, ",\"history\":[{\"status\":\"received\",\"at\":\"2021-04-01T07:00:00+07:00\"},{\"status\":"
			"\"rejected\",");
}

static void what_is_open_is_null(void **state)
{
	const struct status_report report = {.campaign = "demo", .status = STATUS_RECEIVED};
	(void)state;
	expect(&report, "\"unit\":\"\",\"status\":\"received\",\"reasons\":[],\"phase\":null,\"received_at\":null,");
	expect(&report, "\"decided_at\":null,\"similar\":[],\"history\":[]");
}

static void words_too_long_are_cut(void **state)
{
	char reasons[400];
	(void)state;
	memset(reasons, 'a', sizeof(reasons));
	reasons[200] = ' ';
	const struct status_report report = {
		.campaign = "demo", .reasons = {(const uint8_t *)reasons, sizeof(reasons)}};
	expect(&report, "\"reasons\":[{\"code\":\"aaaaaaaa");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_decided_is_told_whole),
		cmocka_unit_test(what_is_open_is_null),
		cmocka_unit_test(words_too_long_are_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
