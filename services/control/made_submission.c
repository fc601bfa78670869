#include "services/control/made_submission.h"

#include "common/runtime/clock.h"
#include "services/control/simulate_text.h"

/* 3,000,000 people stay apart: mobile numbers 09xxxxxxxx and 12-digit national ids from the person's number. */
enum { PEOPLE_MAX = 100000000 };

static void write_person(const struct made_submission *made, struct buffer *out)
{
	struct buffer name CLEANUP(buffer_deinit) = {0};
	unsigned number = (unsigned)(made->person % PEOPLE_MAX);
	simulate_name(made->seed, made->person, &name);
	buffer_text(out, "{\"full_name\":");
	buffer_json(out, buffer_bytes(&name));
	buffer_format(out, ",\"phone\":\"09%08u\",\"national_id\":\"0%011u\"", number, number);
}

static void write_day(struct buffer *out, const char *field, int32_t day)
{
	char text[CLOCK_TEXT_SIZE];
	clock_format_day(day, text);
	buffer_format(out, ",\"%s\":\"%s\"", field, text);
}

/* A day inside the window that is not after the receipt. */
static int32_t applied_day(const struct rule_pack *rules, int64_t received_at)
{
	const struct day_window *window = &rules->applied_window;
	int32_t day = clock_vietnam_day(received_at);
	if (!window->is_set)
		return day;
	if (day > window->to)
		day = window->to;
	return day < window->from ? window->from : day;
}

static void write_rules_fields(
	const struct made_submission *made, const struct rule_pack *rules, int64_t received_at, struct buffer *out)
{
	uint64_t pick = simulate_mix(made->seed, made->person, 0x66);
	if (rules->category_count > 0)
		buffer_format(out, ",\"category\":\"%s\"", rules->categories[pick % rules->category_count].code);
	if (rules->required & RULE_KIND)
		buffer_format(out, ",\"kind\":\"%s\"", rules->kinds[0].code);
	if (rules->required & RULE_TITLE)
		buffer_text(out, ",\"title\":\"Sáng kiến\"");
	if (rules->required & RULE_APPLIED_ON)
		write_day(out, "applied_on", applied_day(rules, received_at));
	if (rules->required & RULE_RECOGNIZED_ON)
		write_day(out, "recognized_on", applied_day(rules, received_at));
	if (rules->required & RULE_RECOGNIZED_BY)
		buffer_text(out, ",\"recognized_by\":\"Hội đồng sáng kiến\"");
	if (rules->required & RULE_ACCEPTED_ON)
		write_day(out, "accepted_on", applied_day(rules, received_at));
	if (rules->required & RULE_EVIDENCE_URL)
		buffer_text(out, ",\"evidence_url\":\"https://drive.google.com/sangkien\"");
}

void made_submission_write(
	const struct made_submission *made, const struct campaign *campaign, int64_t now, struct buffer *out)
{
	int64_t received_at = made->received_at != 0 ? made->received_at : now;
	write_person(made, out);
	buffer_text(out, ",\"unit\":");
	buffer_json_text(out, made->unit);
	buffer_format(out, ",\"block\":\"%s\"", made->person % 3 == 0 ? "public" : "enterprise");
	write_rules_fields(made, campaign_rules_at(campaign, received_at), received_at, out);
	buffer_text(out, ",\"description\":");
	buffer_json(out, made->description);
	if (made->received_at != 0) {
		char text[CLOCK_TEXT_SIZE];
		clock_format_instant(made->received_at, text);
		buffer_format(out, ",\"received_at\":\"%s\"", text);
	}
	buffer_text(out, "}");
}
