/* Would catch: a gateway taken that cannot work or that a name could break out of, a secret in a file that everybody
 * sees, a message in the night, a weekly summary of the wrong week. */
#include "common/domain/campaign.h"
#include "common/runtime/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/domain/rule_pack_text.h"

static const char BASE[] = "code: trial\n"
			   "name: Thử\n"
			   "opens_at: 2022-01-08T00:00:00+07:00\n"
			   "closes_at: 2023-10-01T00:00:00+07:00\n"
			   "versions:\n"
			   "  - version: 1\n"
			   "    holds_from: 2022-01-01T00:00:00+07:00\n"
			   "    description_characters_max: 2000\n"
			   "    person_key: phone\n"
			   "    duplicates: {exact_scope: unit, near_scope: unit, near_threshold: 1}\n";
static const char NOTICES[] = /* begins in line 11 */
	"notices:\n"
	"  language: vi\n"
	"  quiet_hours: {from: 21:30, to: 06:30}\n"
	"  weekly_on: friday\n"
	"  weekly_at: 07:45\n"
	"  channels:\n"
	"    - name: mail\n"
	"      kind: smtp\n"
	"      url: smtps://mail.example.vn:465\n"
	"      from: sangkien@example.vn\n"
	"      to: '{phone}@sms.example.vn'\n"
	"    - name: hook\n"
	"      kind: webhook\n"
	"      url: https://example.vn/hook\n"
	"      secret: hook\n"
	"    - name: sms\n"
	"      kind: http\n"
	"      url: https://gate.example.vn/send?to={phone_digits}\n"
	"      secret: sms\n"
	"      headers: {Authorization: 'Bearer {secret}'}\n"
	"      json: '{\"text\": \"{short}\", \"n\": {\"id\": \"{id}\"}}'\n"
	"      success: {status: {from: 200, to: 201}, field: data.code, matches: '^(0|ok)$', final: '^-1$'}\n"
	"  send: {receipt: sms, verdict: mail}\n";

static struct campaign *parse(const char *notices, struct buffer *faults)
{
	CLEANUP(buffer_deinit) struct buffer yaml = {0};

	buffer_text(&yaml, BASE);
	buffer_text(&yaml, notices);
	return campaign_parse("trial.yaml", buffer_bytes(&yaml), faults);
}

static struct campaign *parse_good(void)
{
	return expect_good(parse, NOTICES);
}

static void expect_fault(const char *old, const char *new, const char *wanted)
{
	expect_fault_of(parse, NOTICES, old, new, wanted);
}

static void test_reads_all(void **state)
{
	CLEANUP(campaign_free) struct campaign *campaign = parse_good();
	const struct notice_rules *rules = &campaign->notices;

	(void)state;
	assert_int_equal(rules->channel_count, 3);
	assert_ptr_equal(rules->by_event[NOTICE_RECEIPT], &rules->channels[2]);
	assert_ptr_equal(rules->by_event[NOTICE_VERDICT], &rules->channels[0]);
	assert_null(rules->by_event[NOTICE_QUOTA_MET]);
	assert_int_equal(rules->language, NOTICE_VI);
	assert_int_equal(rules->channels[1].kind, CHANNEL_WEBHOOK);
	assert_string_equal(rules->channels[2].method, "POST");
	assert_string_equal(rules->channels[2].headers[0].value, "Bearer {secret}");
	assert_string_equal(rules->channels[2].answer_field, "data.code");
	assert_int_equal(rules->channels[2].status_to, 201);
	assert_int_equal(rules->channels[1].status_to, 299);
}

/* Officers have addresses of mail: such a channel needs no pattern for a number. */
static void test_officers_by_mail_alone(void **state)
{
	CLEANUP(buffer_deinit) struct buffer faults = {0};
	CLEANUP(campaign_free)
	struct campaign *campaign =
		parse("notices:\n"
		      "  channels: [{name: mail, kind: smtp, url: 'smtps://mail.example.vn', from: a@example.vn}]\n"
		      "  send: {quota_met: mail, behind: mail, weekly: mail}\n",
			&faults);

	(void)state;
	assert_non_null(campaign);
	for (int i = NOTICE_QUOTA_MET; i < NOTICE_EVENTS; i++)
		assert_ptr_equal(campaign->notices.by_event[i], &campaign->notices.channels[0]);
	assert_null(campaign->notices.by_event[NOTICE_VERDICT]);
}

static void test_without_them_nobody_is_told(void **state)
{
	CLEANUP(buffer_deinit) struct buffer faults = {0};
	CLEANUP(campaign_free) struct campaign *campaign = parse("", &faults);

	(void)state;
	assert_non_null(campaign);
	for (int i = 0; i < NOTICE_EVENTS; i++)
		assert_null(campaign->notices.by_event[i]);
	assert_false(notices_are_quiet(&campaign->notices, INT64_C(1640000000000000)));
}

static void test_faults_have_their_line(void **state)
{
	(void)state;
	expect_fault("verdict: mail", "verdict: fax", "trial.yaml:33: there is no channel \"fax\"");
	expect_fault("verdict: mail", "weekly: fax", "trial.yaml:33: there is no channel \"fax\"");
	expect_fault("verdict: mail", "verdikt: mail", "trial.yaml:33: unknown key \"verdikt\"");
	expect_fault("to: '{phone}@sms.example.vn'", "user: me", "trial.yaml:17: a login has \"user\" and \"secret\"");
	expect_fault("      to: '{phone}@sms.example.vn'\n", "", "trial.yaml:32: submitters have no mail address");
	expect_fault("21:30", "24:00", "trial.yaml:13: \"24:00\" is no time of day");
	expect_fault("21:30", "06:30", "trial.yaml:13: quiet hours that end when they begin");
	expect_fault("friday", "freitag", "trial.yaml:14: \"freitag\" is not known here; write one of: monday");
	expect_fault("name: hook", "name: mail", "trial.yaml:22: the name \"mail\" is given twice");
	expect_fault("kind: webhook", "kind: fax",
		"trial.yaml:23: \"fax\" is not known here; write one of: smtp, webhook, http");
	expect_fault("      secret: hook\n", "", "trial.yaml:22: a webhook is signed; add \"secret\"");
	expect_fault("      secret: hook\n", "      secret: ../sealing\n", "trial.yaml:25: \"../sealing\" is no code");
	expect_fault("https://example.vn/hook", "http://example.vn/hook",
		"trial.yaml:24: phone numbers would go in the clear");
	expect_fault("https://example.vn/hook", "https://me:pw@example.vn/", "trial.yaml:24: a login in a URL");
	expect_fault(
		"https://example.vn/hook", "ftp://example.vn/", "trial.yaml:24: \"ftp://example.vn/\" is no such URL");
	expect_fault("gate.example.vn/send?to={phone_digits}", "{phone}.example.vn/",
		"trial.yaml:28: a variable cannot stand here");
	expect_fault("{phone_digits}", "{fone}", "trial.yaml:28: \"{fone}\" is no variable");
	expect_fault("Bearer {secret}", "Bearer {phone}", "trial.yaml:30: \"{phone}\" cannot stand in a header");
	expect_fault("Authorization:", "\"A: b\":", "trial.yaml:30: \"A: b\" is no header");
}

static void test_what_could_be_broken_out_of(void **state)
{
	(void)state;
	expect_fault(
		"\"{short}\"", "{short}", "trial.yaml:31: no JSON; correct it, and put every variable within quotes");
	expect_fault("to: '{phone}@sms.example.vn'", "to: 'a@b,{phone}@c'", "trial.yaml:21: no address");
	expect_fault("from: sangkien@example.vn", "from: 'a@b>'", "trial.yaml:20: no address");
	expect_fault("^(0|ok)$", "^(0", "trial.yaml:32: \"^(0\" is no regular expression");
	expect_fault("to: 201", "to: 302", "trial.yaml:32: no range of success");
	expect_fault(" matches: '^(0|ok)$',", "", "trial.yaml:32: nothing says what a good answer is");
}

static bool quiet_at(const struct notice_rules *rules, const char *text)
{
	int64_t instant;

	assert_true(clock_parse_instant(text, &instant));
	return notices_are_quiet(rules, instant);
}

static void test_quiet_hours_over_midnight_and_within_a_day(void **state)
{
	CLEANUP(campaign_free) struct campaign *campaign = parse_good();
	struct notice_rules rules = campaign->notices;

	(void)state;
	assert_false(quiet_at(&rules, "2022-03-01T21:29:59.999999+07:00"));
	assert_true(quiet_at(&rules, "2022-03-01T21:30:00+07:00"));
	assert_true(quiet_at(&rules, "2022-03-02T00:00:00+07:00"));
	assert_true(quiet_at(&rules, "2022-03-02T06:29:59.999999+07:00"));
	assert_false(quiet_at(&rules, "2022-03-02T06:30:00+07:00"));
	rules.quiet_from_min = 12 * 60;
	rules.quiet_to_min = 13 * 60;
	assert_false(quiet_at(&rules, "2022-03-01T04:59:59Z"));
	assert_true(quiet_at(&rules, "2022-03-01T05:00:00Z"));
	assert_false(quiet_at(&rules, "2022-03-01T06:00:00Z"));
}

static void test_the_week_begins_when_it_is_told_to(void **state)
{
	CLEANUP(campaign_free) struct campaign *campaign = parse_good();
	static const char *const pairs[][2] = {
		{"2022-03-04T07:45:00+07:00", "2022-03-04T07:45:00+07:00"}, /* a Friday */
		{"2022-03-04T07:44:59+07:00", "2022-02-25T07:45:00+07:00"},
		{"2022-03-10T23:59:59+07:00", "2022-03-04T07:45:00+07:00"},
		{"2022-03-11T07:45:00+07:00", "2022-03-11T07:45:00+07:00"},
	};
	int64_t now, wanted;

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(pairs); i++) {
		assert_true(clock_parse_instant(pairs[i][0], &now) && clock_parse_instant(pairs[i][1], &wanted));
		assert_int_equal(notices_weekly_at(&campaign->notices, now), wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_all),
		cmocka_unit_test(test_officers_by_mail_alone),
		cmocka_unit_test(test_without_them_nobody_is_told),
		cmocka_unit_test(test_faults_have_their_line),
		cmocka_unit_test(test_what_could_be_broken_out_of),
		cmocka_unit_test(test_quiet_hours_over_midnight_and_within_a_day),
		cmocka_unit_test(test_the_week_begins_when_it_is_told_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
