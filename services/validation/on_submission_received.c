#include "services/validation/on_submission_received.h"

#include "common/domain/rules.h"
#include "common/runtime/clock.h"
#include "common/runtime/failpoint.h"
#include "common/runtime/log.h"
#include "proto/submission.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PERSON_SIZE = 16 };

typedef Sangkien__Message__SubmissionReceived submission_received;
typedef Sangkien__Message__SubmissionValidated submission_validated;

/* A delivery that is not handed on whole; lives in the delivery's arena. */
struct kept {
	struct delivery *delivery;
	struct kept *next;
	size_t at;                     /* the item that is next */
	submission_received *unpacked; /* that item, once it is; NULL before */
	int64_t wait_until_ms;         /* for its campaign; 0: has not begun to wait */
};

struct examination {
	struct examination_options options;
	struct sender *sender;
	struct kept *kept;       /* in order of arrival */
	struct id128 *under_way; /* by tag */
	uint32_t *free_tags;     /* a stack */
	uint32_t free_count;
	bool is_full;    /* the sender refused: no other item needs to try this time */
	uint8_t *packed; /* WIRE_ITEM_BYTES_MAX */
	struct metric *valid, *refused, *undecodable, *returned;
};

struct examination *examination_new(const struct examination_options *options)
{
	struct examination *examination = calloc(1, sizeof(*examination));
	const char *name = "sangkien_validation_submissions_total", *help = "submissions by what became of them";

	if (examination == NULL)
		return NULL;
	examination->options = *options;
	examination->under_way = calloc(options->window, sizeof(*examination->under_way));
	examination->free_tags = calloc(options->window, sizeof(*examination->free_tags));
	examination->packed = malloc(WIRE_ITEM_BYTES_MAX);
	if (examination->under_way == NULL || examination->free_tags == NULL || examination->packed == NULL) {
		examination_free(&examination);
		return NULL;
	}
	while (examination->free_count < options->window) {
		examination->free_tags[examination->free_count] = examination->free_count;
		examination->free_count++;
	}
	examination->valid = metrics_counter(options->metrics, name, "result=\"valid\"", help);
	examination->refused = metrics_counter(options->metrics, name, "result=\"refused\"", help);
	examination->undecodable = metrics_counter(options->metrics, name, "result=\"undecodable\"", help);
	examination->returned = metrics_counter(options->metrics, name, "result=\"returned\"", help);
	return examination;
}

void examination_free(struct examination **examination)
{
	if (*examination == NULL)
		return;
	free((*examination)->under_way);
	free((*examination)->free_tags);
	free((*examination)->packed);
	free(*examination);
	*examination = NULL;
}

void examination_set_sender(struct examination *examination, struct sender *sender)
{
	examination->sender = sender;
}

struct id128 examination_release(struct examination *examination, uint64_t tag)
{
	assert(tag < examination->options.window && examination->free_count < examination->options.window);
	examination->free_tags[examination->free_count++] = (uint32_t)tag;
	return examination->under_way[tag];
}

size_t examination_kept(const struct examination *examination)
{
	size_t count = 0;

	for (const struct kept *kept = examination->kept; kept != NULL; kept = kept->next)
		count++;
	return count;
}

/* NULL: not a SubmissionReceived that anyone could judge. */
static submission_received *unpack(const Sangkien__Wire__Item *item, struct arena *arena)
{
	submission_received *submission = sangkien__message__submission_received__unpack(
		arena_protobuf_allocator(arena), item->body.len, item->body.data);

	if (submission == NULL || submission->id.len != ID128_SIZE || submission->person.len != PERSON_SIZE ||
		submission->fields == NULL)
		return NULL;
	return submission;
}

/* The rules that decide; NULL: this instance does not know the campaign or the unit (yet). */
static const struct rule_pack *find_rules(const struct reference *reference, const submission_received *submission)
{
	const struct reference_campaign *campaign =
		reference == NULL ? NULL : reference_by_id(reference, submission->campaign);

	if (campaign == NULL || unit_by_id(campaign->units, submission->unit) == NULL)
		return NULL;
	return campaign_rules_at(campaign->campaign, submission->received_at);
}

/* What later stages go by: the rules are read here, once. */
static Sangkien__Message__Ruling ruling_of(const submission_received *submission, const struct rule_pack *rules)
{
	Sangkien__Message__Ruling ruling = SANGKIEN__MESSAGE__RULING__INIT;

	ruling.phase = campaign_phase_of(
		rules, submission->received_at, submission->fields->has_applied_on, submission->fields->applied_on);
	ruling.exact_scope = rules->exact_scope;
	ruling.near_scope = rules->near_scope;
	ruling.near_threshold = rules->near_threshold;
	ruling.review_threshold = rules->review_threshold;
	ruling.weight_prior = rules->weighting.prior;
	ruling.weight_power = rules->weighting.power;
	ruling.cold_start_margin = rules->weighting.cold_start_margin;
	return ruling;
}

static struct bytes pack(struct examination *examination, submission_received *submission,
	const struct rule_pack *rules, const struct rules_verdict *verdict)
{
	submission_validated validated = SANGKIEN__MESSAGE__SUBMISSION_VALIDATED__INIT;
	Sangkien__Message__Reason reasons[RULES_REASONS_MAX], *pointers[RULES_REASONS_MAX];
	Sangkien__Message__Ruling ruling = ruling_of(submission, rules);

	for (size_t i = 0; i < verdict->count; i++) {
		sangkien__message__reason__init(&reasons[i]);
		/* protobuf-c has no const; packing only reads. */
		reasons[i].code = (char *)(uintptr_t)verdict->reasons[i].code;
		reasons[i].field = (char *)(uintptr_t)verdict->reasons[i].field;
		pointers[i] = &reasons[i];
	}
	validated.submission = submission;
	validated.rules_version = rules->version;
	validated.ruling = &ruling;
	validated.n_reasons = verdict->count;
	validated.reasons = pointers;
	if (sangkien__message__submission_validated__get_packed_size(&validated) > WIRE_ITEM_BYTES_MAX)
		return (struct bytes){0};
	size_t size = sangkien__message__submission_validated__pack(&validated, examination->packed);
	return (struct bytes){examination->packed, size};
}

/* OUTCOME_RETRY: no room. */
static enum outcome hand_on(struct examination *examination, const Sangkien__Wire__Item *item,
	submission_received *submission, const struct rule_pack *rules)
{
	struct rules_verdict verdict;
	struct bytes trace = {item->trace_parent.data, item->trace_parent.len};

	examination->is_full = examination->free_count == 0;
	if (examination->is_full)
		return OUTCOME_RETRY;
	rules_judge(rules, submission->fields, &verdict);
	struct bytes body = pack(examination, submission, rules, &verdict);
	if (body.size == 0)
		return OUTCOME_REJECT;
	uint32_t tag = examination->free_tags[examination->free_count - 1];
	examination->is_full = !sender_push(examination->sender, tag, 0, trace, body);
	if (examination->is_full)
		return OUTCOME_RETRY;
	examination->free_count--;
	memcpy(examination->under_way[tag].octet, submission->id.data, ID128_SIZE);
	metric_add(verdict.count == 0 ? examination->valid : examination->refused, 1);
	return OUTCOME_DONE;
}

static void reject(struct examination *examination, struct kept *kept, bool retry, const char *reason)
{
	metric_add(retry ? examination->returned : examination->undecodable, 1);
	log_warn("submission_not_judged", KV_TEXT("reason", reason), KV_BOOL("comes_again", retry));
	delivery_reject(kept->delivery, kept->at, retry, reason);
}

/* A campaign that was applied a moment ago may be known to intake and not yet here: wait for it, bounded. */
static bool waits_for_reference(struct examination *examination, struct kept *kept)
{
	int64_t now_ms = clock_monotonic_ms();

	if (kept->wait_until_ms == 0)
		kept->wait_until_ms = now_ms + examination->options.reference_wait_ms;
	return now_ms < kept->wait_until_ms;
}

/* One item. OUTCOME_RETRY: stays for later. */
static enum outcome examine(struct examination *examination, const struct reference *reference, struct kept *kept)
{
	const Sangkien__Wire__Item *item = delivery_item(kept->delivery, kept->at);

	if (kept->unpacked == NULL)
		kept->unpacked = unpack(item, delivery_arena(kept->delivery));
	if (kept->unpacked == NULL) {
		reject(examination, kept, false, "not a SubmissionReceived");
		return OUTCOME_DONE;
	}
	failpoint_on("validation-text",
		(struct bytes){kept->unpacked->fields->description.data, kept->unpacked->fields->description.len});
	const struct rule_pack *rules = find_rules(reference, kept->unpacked);
	if (rules == NULL) {
		if (waits_for_reference(examination, kept))
			return OUTCOME_RETRY;
		reject(examination, kept, true, "campaign or unit not known here");
		return OUTCOME_DONE;
	}
	enum outcome outcome = hand_on(examination, item, kept->unpacked, rules);
	if (outcome == OUTCOME_REJECT) {
		reject(examination, kept, false, "too large to hand on");
		return OUTCOME_DONE;
	}
	return outcome;
}

/* True: the delivery is done with and gone. */
static bool go_on(struct examination *examination, const struct reference *reference, struct kept *kept)
{
	while (kept->at < delivery_count(kept->delivery)) {
		if (examine(examination, reference, kept) == OUTCOME_RETRY)
			return false;
		kept->at++;
		kept->unpacked = NULL;
	}
	struct delivery *delivery = kept->delivery; /* `kept` dies with it */
	delivery_done(&delivery);
	return true;
}

static void go_on_with_all(struct examination *examination)
{
	const struct reference *reference = reference_acquire(examination->options.references);
	struct kept **link = &examination->kept;

	examination->is_full = false;
	while (*link != NULL && !examination->is_full) {
		struct kept *kept = *link, *next = kept->next;
		if (go_on(examination, reference, kept))
			*link = next;
		else
			link = &kept->next;
	}
	reference_release(examination->options.references, &reference);
}

static void keep(struct examination *examination, struct kept *kept)
{
	struct kept **end = &examination->kept;

	while (*end != NULL)
		end = &(*end)->next;
	*end = kept;
}

void on_submission_received(struct delivery *delivery, void *context)
{
	struct examination *examination = context;
	struct kept *kept = arena_alloc(delivery_arena(delivery), sizeof(*kept));

	if (kept == NULL) {
		for (size_t i = 0; i < delivery_count(delivery); i++)
			delivery_reject(delivery, i, true, "out of memory");
		delivery_done(&delivery);
		return;
	}
	*kept = (struct kept){.delivery = delivery};
	keep(examination, kept);
	go_on_with_all(examination);
}

void examination_continue(void *context)
{
	struct examination *examination = context;

	if (examination->kept != NULL)
		go_on_with_all(examination);
}
