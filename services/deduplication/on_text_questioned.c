#include "common/domain/tracking_code.h"
#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "common/runtime/random.h"
#include "services/deduplication/explain_run.h"
#include "services/deduplication/signing.h"
#include "services/deduplication/snapshots.h"

#include <stdlib.h>
#include <string.h>

enum {
	DRAFTS_MAX = 64, /* under way; people wait behind submissions, not the other way round */
	DRAFT_MS = 5000, /* then it is answered whatever the owners do */
	EXPLAIN_MS = 2000,
	DRAFT_SCORES_MAX = INDEX_CANDIDATES_MAX,
};

typedef Sangkien__Message__TextQuestioned text_questioned;
typedef Sangkien__Message__TextAnswered text_answered;

/* Answers and lets the delivery go. */
static void answer(struct signing *signing, struct delivery **delivery, const text_answered *message)
{
	size_t size = sangkien__message__text_answered__get_packed_size(message);
	uint8_t *packed = malloc(size + 1);
	if (packed != NULL)
		delivery_result(
			*delivery, 0, (struct bytes){packed, sangkien__message__text_answered__pack(message, packed)});
	else
		delivery_reject(*delivery, 0, true, "out of memory");
	free(packed);
	delivery_done(delivery);
	metric_add(signing->metrics.questions, 1);
}

static void answer_outcome(
	struct signing *signing, struct delivery **delivery, Sangkien__Message__QuestionOutcome outcome)
{
	text_answered message = SANGKIEN__MESSAGE__TEXT_ANSWERED__INIT;
	message.outcome = outcome;
	answer(signing, delivery, &message);
}

static void not_now(struct signing *signing, struct delivery **delivery)
{
	answer_outcome(signing, delivery, SANGKIEN__MESSAGE__QUESTION_OUTCOME__QUESTION_OUTCOME_NOT_NOW);
}

/* A draft --------------------------------------------------------------------------------------------------------- */

/* By the rules of this moment. False: campaign or unit are not known here. */
static bool apply_rules(struct signing *signing, struct comparison *comparison)
{
	const struct reference *reference = reference_acquire(signing->references);
	const struct reference_campaign *campaign =
		reference == NULL ? NULL : reference_by_id(reference, comparison->campaign);
	bool known = campaign != NULL && unit_by_id(campaign->units, comparison->unit) != NULL;
	if (known) {
		const struct rule_pack *rules = campaign_rules_at(campaign->campaign, comparison->text.received_at);
		comparison->exact_bound = rules->exact_scope;
		comparison->near_bound = rules->near_scope;
		comparison->thresholds = thresholds_of(rules);
		comparison->text.near_scope = campaign_scope_unit(rules->near_scope, campaign->units, comparison->unit);
		comparison->text.exact_scope =
			campaign_scope_unit(rules->exact_scope, campaign->units, comparison->unit);
	}
	reference_release(signing->references, &reference);
	return known;
}

static void begin_draft(struct signing *signing, struct delivery *delivery, const text_questioned *message)
{
	uint32_t most = comparison_pool_size(signing->pool) / 4;
	struct comparison *comparison =
		signing->drafts < (most < DRAFTS_MAX ? most : DRAFTS_MAX) ? comparison_take(signing->pool) : NULL;
	if (comparison == NULL) {
		not_now(signing, &delivery);
		return;
	}
	comparison->draft = true;
	comparison->question = delivery;
	comparison->since_ms = clock_monotonic_ms();
	comparison->campaign = message->campaign;
	comparison->unit = message->unit;
	comparison->text.received_at = clock_now_us();
	comparison->text.id = submission_id_make(comparison->text.received_at, random_id());
	comparison->text.asked = 1;
	comparison->stage = STAGE_ASKING;
	signing->drafts++;
	if (!apply_rules(signing, comparison) ||
		signing_sign(signing, (struct bytes){message->draft.data, message->draft.len}, comparison) !=
			SIGNER_OK) {
		signing_release(signing, comparison);
		return;
	}
	/* Nobody is to be taught. */
	comparison->folded_size = 0;
	signing_ask(signing, comparison);
}

static int compare_scores(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;
	return left < right ? 1 : left > right ? -1 : 0;
}

void signing_answer_draft(struct signing *signing, struct comparison *comparison)
{
	text_answered message = SANGKIEN__MESSAGE__TEXT_ANSWERED__INIT;
	const struct thresholds *thresholds = &comparison->thresholds;
	double scores[RIVALS_MAX];
	for (uint32_t i = 0; i < comparison->rivals.count; i++) {
		double score = comparison->rivals.rival[i].score;
		if (score >= thresholds->review || score >= thresholds->near)
			scores[message.n_similar++] = score;
	}
	qsort(scores, message.n_similar, sizeof(*scores), compare_scores);
	message.n_similar = message.n_similar < DRAFT_SCORES_MAX ? message.n_similar : DRAFT_SCORES_MAX;
	message.similar = scores;
	message.status = comparison->verdict.status;
	message.outcome = SANGKIEN__MESSAGE__QUESTION_OUTCOME__QUESTION_OUTCOME_ANSWERED;
	if (comparison->question != NULL)
		answer(signing, &comparison->question, &message);
	signing_release(signing, comparison);
}

void signing_end_draft(struct signing *signing, struct comparison *comparison)
{
	assert(signing->drafts > 0);
	signing->drafts--;
	if (comparison->question != NULL)
		not_now(signing, &comparison->question);
}

/* What an owner still owes an answer to keeps its place until that comes, or the owner is given up by the edge. */
void signing_give_drafts_up(struct signing *signing)
{
	int64_t before_ms = clock_monotonic_ms() - DRAFT_MS;
	for (uint32_t i = 0; signing->drafts > 0 && i < comparison_pool_size(signing->pool); i++) {
		struct comparison *comparison = comparison_at(signing->pool, i);
		if (!comparison->draft || comparison->stage == STAGE_FREE || comparison->question == NULL ||
			comparison->since_ms >= before_ms)
			continue;
		not_now(signing, &comparison->question);
		comparison->abandoned = true;
	}
}

/* Two submissions ------------------------------------------------------------------------------------------------- */

static const char pair_sql[] =
	"SELECT s.campaign_id, s.unit_id, s.description, o.id, o.campaign_id, o.description FROM submission s "
	"LEFT JOIN submission o ON o.id = coalesce($2, (SELECT duplicate_of FROM decision WHERE submission_id = s.id "
	"AND "
	"duplicate_of IS NOT NULL ORDER BY revision DESC LIMIT 1)) WHERE s.id = $1";

/* False: PostgreSQL is away. */
static bool fetch_pair(struct signing *signing, const text_questioned *message, PGresult **rows)
{
	int64_t deadline_ms = clock_monotonic_ms() + EXPLAIN_MS;
	struct id128 id, other;
	if (!pg_ready(signing->pg, deadline_ms) || !snapshots_take_newest(signing->pg, &signing->weights, deadline_ms))
		return false;
	memcpy(&id, message->id.data, sizeof(id));
	if (message->other.len == sizeof(other))
		memcpy(&other, message->other.data, sizeof(other));
	struct pg_params *params = pg_params(signing->pg);
	pg_uuid(params, &id);
	pg_uuid(params, message->other.len == sizeof(other) ? &other : NULL);
	if (pg_run(signing->pg, pair_sql, rows, deadline_ms) == PG_OK)
		return true;
	log_warn("pair_not_fetched", KV_TEXT("why", pg_error(signing->pg)));
	return false;
}

/* What it is, or was, under review for. */
static const char candidates_sql[] = "SELECT resembles, score FROM candidate WHERE submission_id = $1 ORDER BY place";

static bool add_candidates(struct signing *signing, const struct id128 *id, struct buffer *json)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	char code[TRACKING_CODE_SIZE];

	pg_uuid(pg_params(signing->pg), id);
	if (pg_run(signing->pg, candidates_sql, &rows, clock_monotonic_ms() + EXPLAIN_MS) != PG_OK)
		return false;
	buffer_text(json, ",\"candidates\":[");
	for (int row = 0; row < PQntuples(rows); row++) {
		struct id128 resembles = pg_get_uuid(rows, row, 0);
		tracking_code_format(&resembles, code);
		buffer_format(json, "%s{\"tracking_code\":\"%s\",\"score\":%.3f}", row > 0 ? "," : "", code,
			pg_get_real(rows, row, 1));
	}
	buffer_text(json, "]");
	return true;
}

static bool has_pair(const PGresult *rows)
{
	return PQntuples(rows) == 1 && !pg_get_null(rows, 0, 3) && pg_get_i16(rows, 0, 0) == pg_get_i16(rows, 0, 4);
}

/* As the campaign weighs today. */
static struct campaign_weighting weighting_now(struct signing *signing, uint32_t campaign)
{
	const struct reference *reference = reference_acquire(signing->references);
	const struct reference_campaign *known = reference == NULL ? NULL : reference_by_id(reference, campaign);
	struct campaign_weighting weighting = known == NULL
						      ? CAMPAIGN_WEIGHTING_DEFAULT
						      : campaign_rules_at(known->campaign, clock_now_us())->weighting;
	reference_release(signing->references, &reference);
	return weighting;
}

/* The answer's members for the two texts of `rows`. */
static Sangkien__Message__QuestionOutcome explain_rows(struct signing *signing, const text_questioned *message,
	const PGresult *rows, struct explanation *found, struct buffer *json)
{
	struct bytes text = pg_get_bytes(rows, 0, 2);
	struct campaign_weighting weighting = weighting_now(signing, (uint32_t)pg_get_i16(rows, 0, 0));
	struct id128 id;

	memcpy(&id, message->id.data, sizeof(id));
	if (explain_texts(signing->fold, signing_weights(signing, &weighting), text, pg_get_bytes(rows, 0, 5), found) !=
		EXPLAIN_OK)
		return SANGKIEN__MESSAGE__QUESTION_OUTCOME__QUESTION_OUTCOME_NOT_NOW;
	explanation_json(found, text, json);
	return add_candidates(signing, &id, json) ? SANGKIEN__MESSAGE__QUESTION_OUTCOME__QUESTION_OUTCOME_ANSWERED
						  : SANGKIEN__MESSAGE__QUESTION_OUTCOME__QUESTION_OUTCOME_NOT_NOW;
}

static void explain_pair(struct signing *signing, struct delivery *delivery, const text_questioned *message)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	CLEANUP(buffer_deinit) struct buffer json = {0};
	struct explanation *found = arena_alloc(delivery_arena(delivery), sizeof(*found));
	text_answered answered = SANGKIEN__MESSAGE__TEXT_ANSWERED__INIT;
	struct id128 other;

	if (found == NULL || !fetch_pair(signing, message, &rows)) {
		not_now(signing, &delivery);
		return;
	}
	answered.outcome = SANGKIEN__MESSAGE__QUESTION_OUTCOME__QUESTION_OUTCOME_UNKNOWN;
	if (has_pair(rows)) {
		other = pg_get_uuid(rows, 0, 3);
		answered.outcome = explain_rows(signing, message, rows, found, &json);
		answered.campaign = (uint32_t)pg_get_i16(rows, 0, 0);
		answered.unit = (uint32_t)pg_get_i32(rows, 0, 1);
		answered.other = (ProtobufCBinaryData){sizeof(other), other.octet};
		answered.explanation = (ProtobufCBinaryData){json.size, json.data};
	}
	answer(signing, &delivery, &answered);
}

void on_text_questioned(struct delivery *delivery, void *context)
{
	struct signing *signing = context;
	const Sangkien__Wire__Item *item = delivery_item(delivery, 0);
	const text_questioned *message = sangkien__message__text_questioned__unpack(
		arena_protobuf_allocator(delivery_arena(delivery)), item->body.len, item->body.data);

	if (delivery_count(delivery) != 1 || message == NULL || message->id.len != ID128_SIZE ||
		message->campaign > UINT16_MAX) {
		for (size_t i = 0; i < delivery_count(delivery); i++)
			delivery_reject(delivery, i, false, "not one TextQuestioned");
		delivery_done(&delivery);
	} else if (message->expires_at < clock_now_us()) {
		not_now(signing, &delivery);
	} else if (message->draft.len > 0) {
		begin_draft(signing, delivery, message);
	} else {
		explain_pair(signing, delivery, message);
	}
}
