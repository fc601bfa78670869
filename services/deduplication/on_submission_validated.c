#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "services/deduplication/signing.h"

#include <stdlib.h>
#include <string.h>

typedef Sangkien__Message__SubmissionReceived submission_received;
typedef Sangkien__Message__SubmissionValidated submission_validated;

/* NULL: not a SubmissionValidated that anyone could compare. */
static const submission_validated *unpack(const Sangkien__Wire__Item *item, struct arena *arena)
{
	const submission_validated *message = sangkien__message__submission_validated__unpack(
		arena_protobuf_allocator(arena), item->body.len, item->body.data);
	const submission_received *submission = message == NULL ? NULL : message->submission;

	if (submission == NULL || submission->id.len != ID128_SIZE || submission->person.len != ID128_SIZE ||
		submission->fields == NULL || submission->campaign > UINT16_MAX)
		return NULL;
	return message;
}

static void copy_facts(const submission_validated *message, struct comparison *comparison)
{
	const submission_received *submission = message->submission;

	memcpy(&comparison->text.id, submission->id.data, ID128_SIZE);
	memcpy(&comparison->text.person, submission->person.data, ID128_SIZE);
	comparison->text.received_at = submission->received_at;
	comparison->text.asked = 1;
	comparison->campaign = submission->campaign;
	comparison->unit = submission->unit;
	comparison->rules_version = message->rules_version;
	comparison->has_applied_on = submission->fields->has_applied_on;
	comparison->applied_on = submission->fields->applied_on;
	comparison->has_phase = message->ruling != NULL;
	comparison->phase = message->ruling != NULL ? message->ruling->phase : 0;
}

static bool is_scope(uint32_t scope)
{
	return scope >= SCOPE_NATION && scope <= SCOPE_UNIT;
}

/* Of before campaigns had their own: as the rules say that are known here, or as all did then. */
static struct campaign_weighting weighting_of(const Sangkien__Message__Ruling *ruling, const struct rule_pack *rules)
{
	if (ruling->weight_prior > 0)
		return (struct campaign_weighting){
			ruling->weight_prior, ruling->weight_power, ruling->cold_start_margin};
	return rules != NULL ? rules->weighting : CAMPAIGN_WEIGHTING_DEFAULT;
}

/* What validation read in the rules that judged it; from an older one the version alone came. False: not known here. */
static bool take_ruling(const submission_validated *message, const struct campaign *campaign, struct comparison *to)
{
	const Sangkien__Message__Ruling *ruling = message->ruling;
	const struct rule_pack *rules = campaign_rules_version(campaign, to->rules_version);

	if (ruling != NULL && is_scope(ruling->exact_scope) && is_scope(ruling->near_scope)) {
		to->exact_bound = (enum duplicate_scope)ruling->exact_scope;
		to->near_bound = (enum duplicate_scope)ruling->near_scope;
		to->thresholds = (struct thresholds){.near = ruling->near_threshold,
			.review = ruling->review_threshold,
			.weighting = weighting_of(ruling, rules)};
		return true;
	}
	if (rules == NULL)
		return false;
	to->exact_bound = rules->exact_scope;
	to->near_bound = rules->near_scope;
	to->thresholds = thresholds_of(rules);
	return true;
}

/* The bounds of copies and the thresholds are those of the rules that judged it. False: not known here (yet). */
static bool apply_rules(struct signing *signing, const submission_validated *message, struct comparison *comparison)
{
	const struct reference *reference = reference_acquire(signing->references);
	const struct reference_campaign *campaign =
		reference == NULL ? NULL : reference_by_id(reference, comparison->campaign);
	bool known = campaign != NULL && unit_by_id(campaign->units, comparison->unit) != NULL &&
		     take_ruling(message, campaign->campaign, comparison);

	if (known) {
		comparison->text.near_scope =
			campaign_scope_unit(comparison->near_bound, campaign->units, comparison->unit);
		comparison->text.exact_scope =
			campaign_scope_unit(comparison->exact_bound, campaign->units, comparison->unit);
	}
	reference_release(signing->references, &reference);
	return known;
}

enum signer_fault signing_sign(struct signing *signing, struct bytes text, struct comparison *comparison)
{
	struct signed_text signature;
	enum signer_fault fault = signer_sign(
		signing->signer, signing_weights(signing, &comparison->thresholds.weighting), text, &signature);

	if (fault != SIGNER_OK)
		return fault;
	comparison->text.digest = signature.digest;
	comparison->text.sketch = signature.sketch;
	comparison->text.legacy = signature.legacy;
	comparison->folded_size = signature.folded.size;
	comparison->folded = malloc(signature.folded.size + 1);
	comparison->shingles = shingle_set_new(signature.hashes, signature.count);
	if (comparison->folded == NULL || comparison->shingles == NULL)
		return SIGNER_NO_MEMORY;
	memcpy(comparison->folded, signature.folded.data, signature.folded.size);
	return SIGNER_OK;
}

/* Refused ones pass through unsigned: they never stand in the index. NULL: it is under way; else why it is not. */
static const char *begin(
	struct signing *signing, const submission_validated *message, struct comparison *comparison, bool *comes_again)
{
	const ProtobufCBinaryData *text = &message->submission->fields->description;

	*comes_again = true;
	copy_facts(message, comparison);
	if (message->n_reasons > 0) {
		comparison->refused = message;
		comparison->stage = STAGE_REACHED;
		comparison_enqueue(&signing->reached, comparison);
		return NULL;
	}
	if (!apply_rules(signing, message, comparison))
		return "campaign, unit or rules not known here";
	switch (signing_sign(signing, (struct bytes){text->data, text->len}, comparison)) {
	case SIGNER_NOT_UTF8:
		*comes_again = false;
		return "the description is not UTF-8";
	case SIGNER_NO_MEMORY:
		return "out of memory";
	case SIGNER_OK:
		break;
	}
	comparison->stage = STAGE_ASKING;
	signing_ask(signing, comparison);
	return NULL;
}

static void reject(struct signing *signing, struct gathering *gathering, size_t item, bool comes_again, const char *why)
{
	metric_add(signing->metrics.returned, comes_again);
	delivery_reject(gathering->delivery, item, comes_again, why);
	if (!comes_again)
		log_warn("submission_not_compared", KV_TEXT("why", why));
}

/* The next item of a delivery. False: there is no room now. */
static bool begin_next(struct signing *signing, struct gathering *gathering)
{
	const Sangkien__Wire__Item *item = delivery_item(gathering->delivery, gathering->at);
	struct comparison *comparison = comparison_take(signing->pool);
	bool comes_again;

	if (comparison == NULL)
		return false;
	const submission_validated *message = unpack(item, delivery_arena(gathering->delivery));
	const char *why = "not a SubmissionValidated";
	comparison->item = gathering->at++;
	comparison->trace_size = item->trace_parent.len == sizeof(comparison->trace) ? sizeof(comparison->trace) : 0;
	if (comparison->trace_size > 0)
		memcpy(comparison->trace, item->trace_parent.data, comparison->trace_size);
	comes_again = false;
	if (message != NULL)
		why = begin(signing, message, comparison, &comes_again);
	if (why == NULL) {
		comparison->gathering = gathering;
		gathering->open++;
		return true;
	}
	reject(signing, gathering, comparison->item, comes_again, why);
	comparison_release(signing->pool, comparison);
	return true;
}

static bool is_done(const struct gathering *gathering)
{
	return gathering->at == delivery_count(gathering->delivery) && gathering->open == 0;
}

/* Those that are done are acknowledged; `gathering` dies with its delivery. */
static void acknowledge(struct signing *signing)
{
	struct gathering **link = &signing->gatherings;

	while (*link != NULL) {
		struct gathering *gathering = *link;
		if (!is_done(gathering)) {
			link = &gathering->next;
			continue;
		}
		*link = gathering->next;
		struct delivery *delivery = gathering->delivery;
		delivery_done(&delivery);
	}
}

void signing_continue(struct signing *signing)
{
	bool room = true;

	for (struct gathering *gathering = signing->gatherings; gathering != NULL && room; gathering = gathering->next)
		while (room && gathering->at < delivery_count(gathering->delivery))
			room = begin_next(signing, gathering);
	acknowledge(signing);
}

void on_submission_validated(struct delivery *delivery, void *context)
{
	struct signing *signing = context;
	struct gathering *gathering = arena_alloc(delivery_arena(delivery), sizeof(*gathering));
	struct gathering **end = &signing->gatherings;

	if (gathering == NULL) {
		for (size_t i = 0; i < delivery_count(delivery); i++)
			delivery_reject(delivery, i, true, "out of memory");
		delivery_done(&delivery);
		return;
	}
	*gathering = (struct gathering){.delivery = delivery, .since_ms = clock_monotonic_ms()};
	while (*end != NULL)
		end = &(*end)->next;
	*end = gathering;
	signing_continue(signing);
}

/* Acknowledging is left to the end of the turn: this may be called while deliveries are walked. */
void signing_finish_item(struct signing *signing, struct comparison *comparison)
{
	(void)signing;
	if (comparison->gathering == NULL)
		return;
	assert(comparison->gathering->open > 0);
	comparison->gathering->open--;
	comparison->gathering = NULL;
}

void signing_return(struct signing *signing, struct comparison *comparison, const char *why)
{
	if (comparison->gathering != NULL)
		reject(signing, comparison->gathering, comparison->item, true, why);
	signing_finish_item(signing, comparison);
}

/* A worker that is silent while an owner rebuilds would make poison of what it holds: it says so instead. */
void signing_give_back(struct signing *signing)
{
	static const char why[] = "an index owner or PostgreSQL is away";
	int64_t before_ms = clock_monotonic_ms() - signing->hold_ms;
	bool any = false;

	for (const struct gathering *g = signing->gatherings; g != NULL; g = g->next)
		any |= g->since_ms < before_ms;
	if (!any)
		return;
	for (uint32_t i = 0; i < comparison_pool_size(signing->pool); i++) {
		struct comparison *comparison = comparison_at(signing->pool, i);
		if (comparison->gathering == NULL || comparison->gathering->since_ms >= before_ms)
			continue;
		signing_return(signing, comparison, why);
		comparison->abandoned = true;
	}
	for (struct gathering *g = signing->gatherings; g != NULL; g = g->next)
		for (; g->since_ms < before_ms && g->at < delivery_count(g->delivery); g->at++)
			reject(signing, g, g->at, true, why);
	acknowledge(signing);
}
