/* Catches: a history out of order, a revision's reasons or score that are not the newest's, a place that the reference
 * no longer knows taking the answer down. */
#include "services/leaderboard/tracking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *rendered(const struct tracking *tracking, bool english, struct buffer *json)
{
	static const struct reference NOTHING = {0};
	tracking_render(tracking, &NOTHING, english, json);
	buffer_add(json, "", 1);
	assert_false(json->failed);
	return (const char *)json->data;
}

static void assert_holds(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("wanted \"%s\" in \"%s\"", part, text);
}

static void test_undecided(void **state)
{
	(void)state;
	CLEANUP(buffer_deinit) struct buffer json = {0};
	struct tracking tracking = {.found = true, .received_at = 1000000};
	const char *text = rendered(&tracking, false, &json);
	assert_holds(text, "\"status\":\"received\",\"reasons\":[],\"phase\":null");
	assert_holds(text, "\"received_at\":\"1970-01-01T07:00:01+07:00\",\"decided_at\":null,\"similar\":[]");
	assert_holds(text, "\"history\":[{\"status\":\"received\",\"at\":\"1970-01-01T07:00:01+07:00\"}]}");
	assert_holds(text, "\"campaign\":\"\",\"unit\":\"\"");
}

static void test_decided_twice_with_reasons(void **state)
{
	(void)state;
	CLEANUP(buffer_deinit) struct buffer vi = {0};
	CLEANUP(buffer_deinit) struct buffer en = {0};
	struct tracking tracking = {.found = true,
		.revision = 2,
		.change_count = 2,
		.changes = {{STATUS_UNDER_REVIEW, 1000000}, {STATUS_REJECTED, 2000000}},
		.phase = 2,
		.has_score = true,
		.score = 0.75};
	buffer_text(&tracking.reasons, "too_long description;duplicate ;required phone");
	const char *text = rendered(&tracking, true, &en);
	assert_holds(text, "{\"code\":\"too_long\",\"field\":\"description\",\"message\":\"The description is over");
	assert_holds(text, "{\"code\":\"duplicate\",\"field\":null,\"message\":\"The text is that");
	assert_holds(text, "{\"code\":\"required\",\"field\":\"phone\",\"message\":\"Fill in the phone number.\"}]");
	assert_holds(text, "\"phase\":2,");
	assert_holds(text, "\"decided_at\":\"1970-01-01T07:00:02+07:00\",\"similar\":[{\"score\":0.750}]");
	assert_holds(
		text, "},{\"status\":\"under_review\",\"at\":\"1970-01-01T07:00:01+07:00\"},{\"status\":\"rejected\"");
	assert_holds(rendered(&tracking, false, &vi), "Hãy điền số điện thoại.");
	tracking_clear(&tracking);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_undecided),
		cmocka_unit_test(test_decided_twice_with_reasons),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
