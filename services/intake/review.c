#include "services/intake/review.h"

#include "common/domain/text.h"
#include "common/runtime/clock.h"
#include "services/intake/shape_reading.h"

#include <inttypes.h>
#include <string.h>

/* Reading --------------------------------------------------------------------------------------------------------- */

static void read_decision(struct reading *reading)
{
	static const struct {
		const char *word;
		enum submission_status status;
	} WORDS[] = {{"count", STATUS_COUNTED}, {"reject", STATUS_REJECTED}, {"revoke", STATUS_REVOKED}};
	struct review *review = reading->target;
	struct bytes given;
	if (!reading_text(reading, &given))
		return;
	for (size_t i = 0; i < ARRAY_LENGTH(WORDS); i++) {
		if (strlen(WORDS[i].word) == given.size && memcmp(WORDS[i].word, given.data, given.size) == 0)
			review->wanted = WORDS[i].status;
	}
	if (review->wanted == STATUS_RECEIVED)
		reading_refuse(reading, given.size == 0 ? "required" : "invalid");
}

static void read_reason(struct reading *reading)
{
	struct review *review = reading->target;
	struct bytes given;
	if (!reading_line(reading, &given, REVIEW_REASON_MAX))
		return;
	if (given.size == 0 || given.size > sizeof(review->reason)) {
		reading_refuse(reading, given.size == 0 ? "required" : "too_long");
		return;
	}
	memcpy(review->reason, given.data, given.size);
	review->reason_size = given.size;
}

static void read_revision(struct reading *reading)
{
	struct review *review = reading->target;
	int64_t revision;
	if (reading->member == NULL)
		return;
	if (reading->member->type == JSON_NUMBER && json_integer(reading->member->text, &revision) && revision >= 1 &&
		revision <= INT32_MAX)
		review->seen = (uint32_t)revision;
	else
		reading_refuse(reading, "invalid");
}

enum json_fault review_read(struct shaper *shaper, struct bytes body, struct shape *shape, struct review *review)
{
	static const struct field_reader READERS[] = {
		{"decision", read_decision}, {"reason", read_reason}, {"revision", read_revision}};
	struct reading reading = {.shaper = shaper, .shape = shape, .target = review};
	shape->error_count = 0;
	return reading_object(&reading, body, READERS, ARRAY_LENGTH(READERS));
}

/* Answering ------------------------------------------------------------------------------------------------------- */

void review_add_step(struct review *review, enum submission_status status, int64_t at)
{
	if (review->history_count == ARRAY_LENGTH(review->history)) {
		review->history_count--;
		memmove(review->history + 1, review->history + 2,
			(review->history_count - 1) * sizeof(review->history[0]));
	}
	review->history[review->history_count++] = (struct status_change){status, at};
}

void review_json(const struct review *review, struct buffer *out)
{
	const struct status_report report = {
		.id = review->submission,
		.campaign = review->campaign,
		.unit = {(const uint8_t *)review->unit, strlen(review->unit)},
		.status = review->now.status,
		.phase = review->now.phase,
		.received_at = review->received_at,
		.decided_at = review->now.at,
		.similar = &review->now.score,
		.similar_count = review->now.has_score ? 1 : 0,
		.history = review->history,
		.history_count = review->history_count,
	};
	buffer_text(out, "{");
	status_json(&report, review->english, out);
	buffer_format(out, ",\"revision\":%" PRIu32 "}\n", review->now.revision);
}

/* Who decided is not named: tokens are other people's. */
void review_conflict_json(const struct review *review, struct buffer *out)
{
	static const char *const DECIDERS[] = {"machine", "reviewer", "consequence"};
	const struct problem_words *words = problem_words(PROBLEM_ALREADY_DECIDED);
	char at[CLOCK_TEXT_SIZE];
	buffer_format(out, "{\"type\":\"%s\",\"code\":\"%s\",\"title\":", words->type, strrchr(words->type, '/') + 1);
	buffer_json_text(out, review->english ? words->title.en : words->title.vi);
	buffer_format(out, ",\"status\":%d,\"detail\":", words->status);
	buffer_json_text(out, review->english ? words->detail.en : words->detail.vi);
	clock_format_instant(review->now.at, at);
	buffer_format(out,
		",\"current\":{\"status\":\"%s\",\"revision\":%" PRIu32
		",\"decided_by\":\"%s\",\"decided_at\":\"%s\"}}\n",
		status_name(review->now.status), review->now.revision, DECIDERS[review->now.decided_by], at);
}
