#include "services/intake/front.h"

#include "common/domain/status_json.h"
#include "common/domain/tracking_code.h"
#include "common/runtime/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID_TEXT_SIZE = 37 };

static void format_id(const struct id128 *id, char text[ID_TEXT_SIZE])
{
	char *at = text;
	for (size_t i = 0; i < ID128_SIZE; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		at += snprintf(at, 3, "%02x", id->octet[i]);
	}
}

void answer_problem(struct http_exchange *exchange, enum problem problem, struct bytes errors, uint32_t retry_s)
{
	const struct problem_words *words = problem_words(problem);
	bool english = http_prefers_english(exchange);
	char seconds[16];
	/* They were found before it was known that an earlier check answers (contract: the first that applies). */
	if (problem != PROBLEM_FIELDS)
		errors = (struct bytes){0};
	if (retry_s > 0) {
		snprintf(seconds, sizeof(seconds), "%u", retry_s);
		http_add_header(exchange, "Retry-After", seconds);
	}
	if (words->status == 401)
		http_add_header(exchange, "WWW-Authenticate", "Bearer");
	http_problem(exchange, words->status, words->type, english ? words->title.en : words->title.vi,
		english ? words->detail.en : words->detail.vi, errors);
}

static void add_receipt(const struct arrival *arrival, struct buffer *out)
{
	char id[ID_TEXT_SIZE], code[TRACKING_CODE_SIZE], at[CLOCK_TEXT_SIZE];
	format_id(&arrival->receipt_id, id);
	tracking_code_format(&arrival->receipt_id, code);
	clock_format_instant(arrival->receipt_at, at);
	buffer_format(out,
		"{\"id\":\"%s\",\"tracking_code\":\"%s\",\"received_at\":\"%s\",\"status_url\":\"/v1/submissions/"
		"%s\"}\n",
		id, code, at, code);
}

void answer_receipt(struct http_exchange *exchange, const struct arrival *arrival)
{
	struct buffer body = {0};
	add_receipt(arrival, &body);
	http_answer(exchange, 202, "application/json", buffer_bytes(&body));
	buffer_deinit(&body);
}

void answer_decision(struct http_exchange *exchange, const struct arrival *arrival, const struct decision *decision)
{
	struct buffer body = {0};
	char id[ID_TEXT_SIZE], code[TRACKING_CODE_SIZE], campaign[64];
	const struct status_change history[] = {
		{STATUS_RECEIVED, arrival->receipt_at}, {decision->status, decision->decided_at}};
	snprintf(campaign, sizeof(campaign), "%.*s", (int)arrival->campaign_code.size,
		(const char *)arrival->campaign_code.data);
	const struct status_report report = {
		.id = arrival->receipt_id,
		.campaign = campaign,
		.unit = arrival->submission.fields.unit,
		.status = decision->status,
		.reasons = {(const uint8_t *)decision->reasons, decision->reasons_size},
		.phase = decision->phase,
		.received_at = arrival->receipt_at,
		.decided_at = decision->decided_at,
		.similar = decision->similar,
		.similar_count = decision->similar_count,
		.history = history,
		.history_count = ARRAY_LENGTH(history),
	};
	format_id(&arrival->receipt_id, id);
	tracking_code_format(&arrival->receipt_id, code);
	buffer_format(&body, "{\"id\":\"%s\",", id);
	status_json(&report, arrival->english, &body);
	buffer_format(&body, ",\"status_url\":\"/v1/submissions/%s\"}\n", code);
	http_add_header(exchange, "Preference-Applied", "wait");
	http_answer(exchange, 200, "application/json", buffer_bytes(&body));
	buffer_deinit(&body);
}

void line_receipt(const struct arrival *arrival, struct buffer *out)
{
	char id[ID_TEXT_SIZE], code[TRACKING_CODE_SIZE];
	format_id(&arrival->receipt_id, id);
	tracking_code_format(&arrival->receipt_id, code);
	buffer_format(out, "{\"line\":%" PRIu64 ",\"status\":202,\"id\":\"%s\",\"tracking_code\":\"%s\"}\n",
		arrival->line, id, code);
}

void line_problem(uint64_t line, enum problem problem, bool english, struct bytes errors, struct buffer *out)
{
	const struct problem_words *words = problem_words(problem);
	const char *title = english ? words->title.en : words->title.vi;
	const char *detail = english ? words->detail.en : words->detail.vi, *word = strrchr(words->type, '/') + 1;
	buffer_format(out, "{\"line\":%" PRIu64 ",\"status\":%d,\"type\":\"%s\",\"code\":\"%s\",\"title\":", line,
		words->status, words->type, word);
	buffer_json_text(out, title);
	buffer_text(out, ",\"detail\":");
	buffer_json_text(out, detail != NULL ? detail : title);
	if (problem == PROBLEM_FIELDS && errors.size > 0) {
		buffer_text(out, ",\"errors\":[");
		buffer_add(out, errors.data, errors.size);
		buffer_text(out, "]");
	}
	buffer_text(out, "}\n");
}
