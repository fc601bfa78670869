#include "common/domain/notices.h"

#include "common/runtime/clock.h"

#include <string.h>

enum { DAY_MIN = 24 * 60, WEEK_DAYS = 7, FIRST_DAY = 4 /* 1970-01-01 was a Thursday */ };
static const int64_t MINUTE_US = INT64_C(60000000);

static const char *const EVENT_NAMES[NOTICE_EVENTS] = {
	[NOTICE_RECEIPT] = "receipt",
	[NOTICE_VERDICT] = "verdict",
	[NOTICE_QUOTA_MET] = "quota_met",
	[NOTICE_BEHIND] = "behind",
	[NOTICE_WEEKLY] = "weekly",
};

const char *notice_event_name(enum notice_event event)
{
	return EVENT_NAMES[event];
}

static bool is_text(struct bytes bytes, const char *text)
{
	return strlen(text) == bytes.size && (bytes.size == 0 || memcmp(bytes.data, text, bytes.size) == 0);
}

bool notice_event_parse(struct bytes name, enum notice_event *event)
{
	for (int i = 0; i < NOTICE_EVENTS; i++)
		if (is_text(name, EVENT_NAMES[i])) {
			*event = (enum notice_event)i;
			return true;
		}
	return false;
}

bool notices_are_quiet(const struct notice_rules *rules, int64_t instant_us)
{
	int64_t midnight = clock_vietnam_midnight(clock_vietnam_day(instant_us));
	int64_t from = midnight + rules->quiet_from_min * MINUTE_US, to = midnight + rules->quiet_to_min * MINUTE_US;

	if (!rules->has_quiet_hours)
		return false;
	if (from <= to)
		return instant_us >= from && instant_us < to;
	return instant_us >= from || instant_us < to;
}

int64_t notices_weekly_at(const struct notice_rules *rules, int64_t instant_us)
{
	int32_t today = clock_vietnam_day(instant_us);
	/* 1 Monday … 7 Sunday, also before 1970. */
	int32_t weekday = ((today + FIRST_DAY - 1) % WEEK_DAYS + WEEK_DAYS) % WEEK_DAYS + 1;
	int32_t day = today - (weekday - (int32_t)rules->weekly_day + WEEK_DAYS) % WEEK_DAYS;
	int64_t at = clock_vietnam_midnight(day) + rules->weekly_min * MINUTE_US;

	return at <= instant_us ? at : clock_vietnam_midnight(day - WEEK_DAYS) + rules->weekly_min * MINUTE_US;
}

const struct notice_channel *notices_channel(const struct notice_rules *rules, struct bytes name)
{
	for (size_t i = 0; i < rules->channel_count; i++)
		if (is_text(name, rules->channels[i].name))
			return &rules->channels[i];
	return NULL;
}

bool notice_variable_next(const char *pattern, size_t *at, size_t *size)
{
	for (const char *open = strchr(pattern + *at, '{'); open != NULL; open = strchr(open + 1, '{')) {
		size_t word = strspn(open + 1, "abcdefghijklmnopqrstuvwxyz_");
		if (word > 0 && word <= NOTICE_WORD_BYTES_MAX && open[1 + word] == '}') {
			*at = (size_t)(open - pattern);
			*size = word + 2;
			return true;
		}
	}
	return false;
}

bool notice_variable_known(const char *word, size_t size)
{
	static const char *const WORDS[] = {"address", "campaign", "campaign_name", "counted", "days_left",
		"decided_at", "event", "event_time", "id", "laggards", "percent", "period", "phone", "phone_digits",
		"phone_local", "projected", "reasons", "received_at", "secret", "short", "status", "status_words",
		"subject", "support", "target", "text", "tracking_code", "unit", "unit_name", "what"};

	for (size_t i = 0; i < ARRAY_LENGTH(WORDS); i++)
		if (strlen(WORDS[i]) == size && memcmp(WORDS[i], word, size) == 0)
			return true;
	return false;
}

bool notice_mail_address(const char *address)
{
	const char *at = strchr(address, '@');

	if (!at || at == address || at[1] == '\0' || strchr(at + 1, '@') || strlen(address) > NOTICE_ADDRESS_BYTES_MAX)
		return false;
	for (const char *c = address; *c != '\0'; c++)
		if (*c <= ' ' || *c >= 0x7f || strchr("<>()[]\\,;:\"", *c))
			return false;
	return true;
}
