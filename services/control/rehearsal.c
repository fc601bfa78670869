#include "services/control/rehearsal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the new rules make of one text. */
struct finding {
	enum submission_status status;
	uint32_t phase;
	struct rules_verdict verdict; /* its reasons, where it is refused; else at most one, of copies */
};

static const double SCORE_ROUNDING = 1e-6; /* a score is recorded in single precision */

bool rehearsal_init(struct rehearsal *rehearsal, const struct campaign *campaign, const struct unit_tree *units)
{
	*rehearsal = (struct rehearsal){.campaign = campaign, .units = units};
	rehearsal->by_unit = calloc(unit_tree_count(units) + 1, sizeof(*rehearsal->by_unit));
	return rehearsal->by_unit != NULL;
}

void rehearsal_deinit(struct rehearsal *rehearsal)
{
	free(rehearsal->by_unit);
	rehearsal->by_unit = NULL;
}

uint32_t rehearsal_short_bytes(const struct campaign *campaign)
{
	uint32_t least = UINT32_MAX;

	for (size_t i = 0; i < campaign->version_count; i++)
		if (campaign->versions[i].description_characters_max < least)
			least = campaign->versions[i].description_characters_max;
	return least;
}

/* Deciding again -------------------------------------------------------------------------------------------------- */

static void give_reason(struct finding *finding, enum submission_status status, const char *code, const char *field)
{
	finding->status = status;
	finding->verdict.reasons[0] = (struct rules_reason){code, field};
	finding->verdict.count = 1;
}

/* Intake's part of the rules, then validation's. */
static void find_by_rules(const struct campaign *campaign, const struct rehearsed_text *text, struct finding *finding)
{
	const struct rule_pack *rules = campaign_rules_at(campaign, text->received_at);

	*finding = (struct finding){.status = STATUS_COUNTED};
	finding->phase =
		campaign_phase_of(rules, text->received_at, text->fields->has_applied_on, text->fields->applied_on);
	if (!campaign_is_open(campaign, text->received_at)) {
		give_reason(finding, STATUS_REJECTED,
			text->received_at < campaign->opens_at ? "campaign_not_open" : "campaign_closed", "");
		return;
	}
	rules_judge(rules, text->fields, &finding->verdict);
	if (finding->verdict.count > 0)
		finding->status = STATUS_REJECTED;
}

static bool in_one_scope(const struct rehearsal *rehearsal, enum duplicate_scope scope, const struct rehearsed *row)
{
	return campaign_scope_unit(scope, rehearsal->units, row->text.unit) ==
	       campaign_scope_unit(scope, rehearsal->units, row->original.unit);
}

/* By the score that was recorded, the new bounds and the new thresholds. */
static enum submission_status find_by_score(const struct rehearsal *rehearsal, const struct rehearsed *row)
{
	const struct rule_pack *rules = campaign_rules_at(rehearsal->campaign, row->text.received_at);
	double score = row->score + SCORE_ROUNDING;
	bool is_near = in_one_scope(rehearsal, rules->near_scope, row);

	if (row->score >= 1 && (is_near || in_one_scope(rehearsal, rules->exact_scope, row)))
		return STATUS_DUPLICATE;
	if (!is_near || (score < rules->near_threshold && score < rules->review_threshold))
		return STATUS_COUNTED;
	return score >= rules->near_threshold ? STATUS_DUPLICATE : STATUS_UNDER_REVIEW;
}

/* As recorded: whose copy it is. */
static const char *copy_code(const struct rehearsed *row)
{
	static const char OWN[] = "own_duplicate";

	return row->reasons.size >= sizeof(OWN) - 1 && memcmp(row->reasons.data, OWN, sizeof(OWN) - 1) == 0
		       ? OWN
		       : "duplicate";
}

static void find_by_original(const struct rehearsal *rehearsal, const struct rehearsed *row, struct finding *finding)
{
	struct finding of_original = {.status = STATUS_COUNTED};
	enum submission_status status = find_by_score(rehearsal, row);

	if (status == STATUS_COUNTED)
		return;
	if (!row->original_by_person)
		find_by_rules(rehearsal->campaign, &row->original, &of_original);
	/* When an original stops counting, its copies are reviewed (law 3). */
	if (!row->original_stands || of_original.status == STATUS_REJECTED)
		give_reason(finding, STATUS_UNDER_REVIEW, "original_revoked", "");
	else if (status == STATUS_DUPLICATE)
		give_reason(finding, status, copy_code(row), "description");
	else
		finding->status = status;
}

static void find(const struct rehearsal *rehearsal, const struct rehearsed *row, struct finding *finding)
{
	find_by_rules(rehearsal->campaign, &row->text, finding);
	if (finding->status == STATUS_REJECTED)
		return;
	if (row->has_original)
		find_by_original(rehearsal, row, finding);
	else if (row->status == STATUS_UNDER_REVIEW)
		finding->status = STATUS_UNDER_REVIEW; /* for a person, whatever the rules are now */
}

/* Counting -------------------------------------------------------------------------------------------------------- */

static struct rehearsed_reason *reason_of(struct rehearsal *rehearsal, const char *words)
{
	for (size_t i = 0; i < rehearsal->reason_count; i++)
		if (strcmp(rehearsal->reasons[i].words, words) == 0)
			return &rehearsal->reasons[i];
	if (rehearsal->reason_count == REHEARSAL_REASONS_MAX)
		return &rehearsal->reasons[REHEARSAL_REASONS_MAX - 1];
	struct rehearsed_reason *reason = &rehearsal->reasons[rehearsal->reason_count++];
	bool is_last = rehearsal->reason_count == REHEARSAL_REASONS_MAX;
	snprintf(reason->words, sizeof(reason->words), "%s", is_last ? "others" : words);
	return reason;
}

static size_t words_of(const struct rules_reason *reason, char *words)
{
	bool has_field = reason->field[0] != '\0';
	int size = snprintf(words, REHEARSAL_WORD_SIZE, "%s%s%s", reason->code, has_field ? " " : "", reason->field);

	return (size_t)size;
}

/* Is the reason one of "code field;code field"? */
static bool is_among(struct bytes recorded, const char *words, size_t size)
{
	const char *text = (const char *)recorded.data;

	for (size_t at = 0, end; at < recorded.size; at = end + 1) {
		for (end = at; end < recorded.size && text[end] != ';'; end++)
			;
		if (end - at == size && memcmp(text + at, words, size) == 0)
			return true;
	}
	return false;
}

static bool arises(const struct finding *finding, const char *words)
{
	char other[REHEARSAL_WORD_SIZE];

	for (size_t i = 0; i < finding->verdict.count; i++) {
		(void)words_of(&finding->verdict.reasons[i], other);
		if (strcmp(other, words) == 0)
			return true;
	}
	return false;
}

/* Adds to the reasons that come and go, or only says whether any does. */
static bool compare_reasons(
	struct rehearsal *rehearsal, const struct rehearsed *row, const struct finding *finding, bool count)
{
	char words[REHEARSAL_WORD_SIZE];
	bool differ = false;

	for (size_t i = 0; i < finding->verdict.count; i++) {
		size_t size = words_of(&finding->verdict.reasons[i], words);
		if (is_among(row->reasons, words, size))
			continue;
		differ = true;
		if (count)
			reason_of(rehearsal, words)->arises++;
	}
	const char *text = (const char *)row->reasons.data;
	for (size_t at = 0, end; at < row->reasons.size; at = end + 1) {
		for (end = at; end < row->reasons.size && text[end] != ';'; end++)
			;
		snprintf(words, sizeof(words), "%.*s", (int)(end - at), text + at);
		if (arises(finding, words))
			continue;
		differ = true;
		if (count)
			reason_of(rehearsal, words)->falls_away++;
	}
	return differ;
}

static struct rehearsed_unit *unit_of(struct rehearsal *rehearsal, uint32_t unit)
{
	size_t count = unit_tree_count(rehearsal->units), at = unit % count;

	/* Ids run from 1 without gaps in practice; where they do not, the next free place. */
	for (size_t tried = 0; tried < count; tried++, at = (at + 1) % count) {
		struct rehearsed_unit *found = &rehearsal->by_unit[at];
		if (found->unit != 0 && found->unit != unit)
			continue;
		rehearsal->unit_count += found->unit == 0;
		found->unit = unit;
		return found;
	}
	assert(!"a unit of the tree has a place");
	return NULL;
}

static void count_change(struct rehearsal *rehearsal, const struct rehearsed *row, const struct finding *finding)
{
	struct rehearsed_unit *unit = unit_of(rehearsal, row->text.unit);

	rehearsal->changed++;
	rehearsal->phases += row->status == finding->status;
	rehearsal->moves[row->status][finding->status]++;
	(void)compare_reasons(rehearsal, row, finding, true);
	unit->changed++;
	unit->counted_more += row->status != STATUS_COUNTED && finding->status == STATUS_COUNTED;
	unit->counted_less += row->status == STATUS_COUNTED && finding->status != STATUS_COUNTED;
}

void rehearsal_take(struct rehearsal *rehearsal, const struct rehearsed *row)
{
	struct finding finding;

	rehearsal->looked_at++;
	/* A machine never replaces a person's decision. */
	if (row->decided_by == DECIDED_BY_REVIEWER || row->status == STATUS_REVOKED) {
		rehearsal->by_person++;
		return;
	}
	find(rehearsal, row, &finding);
	rehearsal->not_compared += row->status == STATUS_REJECTED && finding.status != STATUS_REJECTED;
	if (finding.status != row->status || finding.phase != row->phase)
		count_change(rehearsal, row, &finding);
	else if (row->status == STATUS_REJECTED && compare_reasons(rehearsal, row, &finding, false))
		rehearsal->other_words++;
}

static int compare_units(const void *left, const void *right)
{
	const struct rehearsed_unit *a = left, *b = right;

	if (a->changed != b->changed)
		return a->changed < b->changed ? 1 : -1;
	return (a->unit > b->unit) - (a->unit < b->unit);
}

static int compare_weights(const void *left, const void *right)
{
	const struct rehearsed_reason *a = left, *b = right;
	uint64_t of_a = a->arises + a->falls_away, of_b = b->arises + b->falls_away;

	return of_a == of_b ? strcmp(a->words, b->words) : of_a < of_b ? 1 : -1;
}

void rehearsal_sort(struct rehearsal *rehearsal)
{
	qsort(rehearsal->by_unit, unit_tree_count(rehearsal->units), sizeof(*rehearsal->by_unit), compare_units);
	qsort(rehearsal->reasons, rehearsal->reason_count, sizeof(*rehearsal->reasons), compare_weights);
}
