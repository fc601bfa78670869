#include "services/quota/copies.h"

#include "services/quota/reasons.h"

#include <stdlib.h>
#include <string.h>

enum state { STATE_NOT_OURS, STATE_OPEN, STATE_UNDER_WAY, STATE_RULED };

/* Gathering ------------------------------------------------------------------------------------------------------- */

static int compare_text(const struct verdict *a, const struct verdict *b)
{
	if (a->campaign != b->campaign)
		return a->campaign < b->campaign ? -1 : 1;
	if (a->exact_scope != b->exact_scope)
		return a->exact_scope < b->exact_scope ? -1 : 1;
	return memcmp(a->digest.data, b->digest.data, DIGEST_SIZE);
}

static int compare_arrival(int64_t a_at, const struct id128 *a, int64_t b_at, const struct id128 *b)
{
	if (a_at != b_at)
		return a_at < b_at ? -1 : 1;
	return id128_compare(a, b);
}

static int compare_members(const void *left, const void *right, void *context)
{
	const struct verdict *verdicts = context;
	const struct verdict *a = &verdicts[*(const uint32_t *)left], *b = &verdicts[*(const uint32_t *)right];
	int order = compare_text(a, b);

	return order != 0 ? order : compare_arrival(a->received_at, &a->id, b->received_at, &b->id);
}

static void add_copies(struct docket *docket, const uint32_t *members, size_t count)
{
	const struct verdict *first = &docket->verdicts[members[0]];

	for (size_t i = 0; i < count; i++)
		docket->copies_of[members[i]] = (uint32_t)docket->copies_count;
	docket->copies[docket->copies_count++] = (struct copies){.campaign = first->campaign,
		.scope = first->exact_scope,
		.digest = first->digest,
		.members = members,
		.count = count};
}

bool copies_gather(struct docket *docket, struct arena *arena)
{
	uint32_t *members = arena_alloc(arena, docket->count * sizeof(*members));
	size_t signed_count = 0;

	docket->copies = arena_alloc(arena, docket->count * sizeof(*docket->copies));
	docket->copies_of = arena_alloc(arena, docket->count * sizeof(*docket->copies_of));
	docket->states = arena_alloc(arena, docket->count);
	if (members == NULL || docket->copies == NULL || docket->copies_of == NULL || docket->states == NULL)
		return false;
	docket->copies_count = 0;
	for (size_t i = 0; i < docket->count; i++) {
		const struct verdict *verdict = &docket->verdicts[i];

		docket->copies_of[i] = COPIES_NONE;
		docket->states[i] = verdict->fate == FATE_OPEN ? STATE_OPEN : STATE_NOT_OURS;
		if (verdict->fate == FATE_OPEN && verdict_is_signed(verdict))
			members[signed_count++] = (uint32_t)i;
	}
	qsort_r(members, signed_count, sizeof(*members), compare_members, docket->verdicts);
	for (size_t from = 0, to; from < signed_count; from = to) {
		for (to = from + 1; to < signed_count; to++)
			if (compare_text(&docket->verdicts[members[from]], &docket->verdicts[members[to]]) != 0)
				break;
		add_copies(docket, members + from, to - from);
	}
	return true;
}

/* Who gives way to whom ------------------------------------------------------------------------------------------- */

bool copies_challenge(const struct docket *docket, const struct copies *copies)
{
	const struct verdict *first = copies_earliest(docket, copies);

	return copies->held &&
	       compare_arrival(first->received_at, &first->id, copies->holder_received_at, &copies->holder) < 0;
}

bool copies_displace(const struct docket *docket, const struct copies *copies)
{
	return copies_challenge(docket, copies) && copies->holder_decision.decided_by != DECIDED_BY_REVIEWER &&
	       status_stands(copies->holder_decision.status);
}

static struct bytes copy_reason(const struct id128 *person, const struct id128 *of_person)
{
	const char *word = id128_equal(person, of_person) ? REASON_OWN_DUPLICATE : REASON_DUPLICATE;

	return (struct bytes){.data = (const uint8_t *)word, .size = strlen(word)};
}

struct change copies_displaced(const struct docket *docket, const struct copies *copies)
{
	const struct verdict *first = copies_earliest(docket, copies);
	struct change change = {.decision = copies->holder_decision, .before = copies->holder_decision.status};

	change.decision.revision++;
	change.decision.status = STATUS_DUPLICATE;
	change.decision.decided_by = DECIDED_BY_CONSEQUENCE;
	change.decision.reasons = copy_reason(&copies->holder_person, &first->person);
	change.decision.has_duplicate_of = change.decision.has_score = true;
	change.decision.duplicate_of = first->id;
	change.decision.score = 1;
	return change;
}

/* Named texts ----------------------------------------------------------------------------------------------------- */

/* The verdict of that id that is ours to rule on; NULL: none in this batch. */
static struct verdict *find_verdict(const struct docket *docket, const struct id128 *id)
{
	struct verdict *found = id128_find(id, docket->verdicts, docket->count, sizeof(*docket->verdicts));

	return found == NULL || docket->states[found - docket->verdicts] == STATE_NOT_OURS ? NULL : found;
}

/* The verdict that decides on a text nobody holds: the earliest copy's, or, where that only says "a copy of that
 * other one", the other one's. NULL: they name each other in a circle. */
static const struct verdict *deciding_verdict(const struct docket *docket, const struct copies *copies)
{
	const struct verdict *at = copies_earliest(docket, copies);
	uint32_t number = docket->copies_of[at - docket->verdicts];

	for (size_t steps = 0; steps < copies->count; steps++) {
		const struct verdict *named;

		if (at->status != STATUS_DUPLICATE)
			return at;
		named = find_verdict(docket, &at->duplicate_of);
		if (named == NULL || docket->copies_of[named - docket->verdicts] != number)
			return at;
		at = named;
	}
	return NULL;
}

/* A text that counts may be marked as similar to another (R17a); nothing depends on that one then. */
static bool needs_original(const struct verdict *verdict)
{
	return verdict->has_duplicate_of &&
	       (verdict->status == STATUS_DUPLICATE || verdict->status == STATUS_UNDER_REVIEW);
}

struct id128 *copies_named(const struct docket *docket, struct arena *arena, size_t *count)
{
	struct id128 *ids = arena_alloc(arena, docket->count * sizeof(*ids));
	size_t found = 0;

	*count = 0;
	if (ids == NULL)
		return NULL;
	for (size_t i = 0; i < docket->count; i++) {
		const struct verdict *verdict = &docket->verdicts[i];
		const struct copies *copies =
			docket->copies_of[i] == COPIES_NONE ? NULL : &docket->copies[docket->copies_of[i]];

		if (docket->states[i] == STATE_NOT_OURS)
			continue;
		if (copies != NULL)
			verdict = copies->held || copies->members[0] != i ? NULL : deciding_verdict(docket, copies);
		if (verdict != NULL && needs_original(verdict) && find_verdict(docket, &verdict->duplicate_of) == NULL)
			ids[found++] = verdict->duplicate_of;
	}
	qsort(ids, found, sizeof(*ids), id128_compare_rows);
	for (size_t i = 0; i < found; i++)
		if (*count == 0 || !id128_equal(&ids[i], &ids[*count - 1]))
			ids[(*count)++] = ids[i];
	return ids;
}

/* The rule -------------------------------------------------------------------------------------------------------- */

static void rule_verdict(struct docket *docket, size_t number);

/* A head that gives way in this same batch hands its followers on. */
static struct id128 successor_of(const struct docket *docket, const struct id128 *head)
{
	for (size_t i = 0; i < docket->copies_count; i++) {
		const struct copies *copies = &docket->copies[i];

		if (copies->held && id128_equal(&copies->holder, head) && copies_displace(docket, copies))
			return copies_earliest(docket, copies)->id;
	}
	return *head;
}

/* The text that stands for a named one; false: none does (it is not decided yet, or counts no more). */
static bool find_head(struct docket *docket, const struct id128 *named, struct id128 *head)
{
	struct verdict *here = find_verdict(docket, named);
	const struct named_text *there;

	if (here == NULL) {
		there = id128_find(named, docket->named, docket->named_count, sizeof(*docket->named));
		if (there == NULL || !there->stands)
			return false;
		*head = successor_of(docket, &there->head);
		return true;
	}
	rule_verdict(docket, (size_t)(here - docket->verdicts));
	/* Still under way: the two name each other, each in a copy of its own; neither can be the first. */
	if (docket->states[here - docket->verdicts] != STATE_RULED || here->fate != FATE_DECIDED)
		return false;
	if (status_stands(here->decision.status)) {
		*head = here->id;
		return true;
	}
	*head = here->decision.duplicate_of;
	return here->decision.status == STATUS_DUPLICATE;
}

/* What the machine's verdict comes to now. */
static bool find_out(struct docket *docket, const struct verdict *verdict, struct decision *finding)
{
	*finding = (struct decision){.status = verdict->status,
		.reasons = verdict->reasons,
		.has_duplicate_of = verdict->has_duplicate_of,
		.duplicate_of = verdict->duplicate_of,
		.has_score = verdict->has_duplicate_of,
		.score = verdict->score};
	return !needs_original(verdict) || find_head(docket, &verdict->duplicate_of, &finding->duplicate_of);
}

/* `finding` NULL: not now. */
static void decide(struct docket *docket, size_t number, const struct decision *finding)
{
	struct verdict *verdict = &docket->verdicts[number];

	docket->states[number] = STATE_RULED;
	verdict->fate = finding == NULL ? FATE_NOT_NOW : FATE_DECIDED;
	if (finding == NULL)
		return;
	verdict->decision = *finding;
	verdict->decision.id = verdict->id;
	verdict->decision.revision = 1;
	verdict->decision.campaign = verdict->campaign;
	verdict->decision.unit = verdict->unit;
	verdict->decision.phase = verdict->phase;
	verdict->decision.rules_version = verdict->rules_version;
	verdict->decision.decided_by = DECIDED_BY_MACHINE;
	verdict->decision.person = verdict->person;
	verdict->decision.received_at = verdict->received_at;
}

static void decide_copy(
	struct docket *docket, size_t number, const struct id128 *original, const struct id128 *original_person)
{
	struct verdict *verdict = &docket->verdicts[number];
	struct decision finding = {.status = STATUS_DUPLICATE,
		.reasons = verdict->reasons,
		.has_duplicate_of = true,
		.duplicate_of = *original,
		.has_score = true,
		.score = 1};

	if (verdict->status != STATUS_DUPLICATE || verdict->reasons.size == 0)
		finding.reasons = copy_reason(&verdict->person, original_person);
	verdict->is_plain_copy = true;
	decide(docket, number, &finding);
}

static void decide_copies(struct docket *docket, const struct copies *copies, size_t from, const struct id128 *original,
	const struct id128 *person)
{
	for (size_t i = from; i < copies->count; i++)
		decide_copy(docket, copies->members[i], original, person);
}

/* The earliest copy of a text whose place is held by a later one takes over what that one is. */
static void rule_displacement(struct docket *docket, struct copies *copies)
{
	const struct verdict *first = copies_earliest(docket, copies);
	struct decision finding = {.status = copies->holder_decision.status,
		.reasons = copies->holder_decision.reasons,
		.has_duplicate_of = copies->holder_decision.has_duplicate_of,
		.duplicate_of = copies->holder_decision.duplicate_of,
		.has_score = copies->holder_decision.has_score,
		.score = copies->holder_decision.score};

	copies->taken = true;
	decide(docket, copies->members[0], &finding);
	decide_copies(docket, copies, 1, &first->id, &first->person);
}

static void rule_free_place(struct docket *docket, struct copies *copies)
{
	const struct verdict *first = copies_earliest(docket, copies), *deciding = deciding_verdict(docket, copies);
	struct decision finding;
	bool found = deciding != NULL && find_out(docket, deciding, &finding);

	copies->taken = found && status_stands(finding.status);
	decide(docket, copies->members[0], found ? &finding : NULL);
	if (copies->taken) {
		decide_copies(docket, copies, 1, &first->id, &first->person);
		return;
	}
	/* All of them resemble the same text. */
	for (size_t i = 1; i < copies->count; i++)
		decide(docket, copies->members[i], found ? &finding : NULL);
}

static void rule_copies(struct docket *docket, struct copies *copies)
{
	for (size_t i = 0; i < copies->count; i++)
		docket->states[copies->members[i]] = STATE_UNDER_WAY;
	if (!copies->held)
		rule_free_place(docket, copies);
	else if (copies_displace(docket, copies))
		rule_displacement(docket, copies);
	else
		decide_copies(docket, copies, 0, &copies->holder, &copies->holder_person);
}

static void rule_verdict(struct docket *docket, size_t number)
{
	struct decision finding;
	bool found;

	if (docket->states[number] != STATE_OPEN)
		return;
	if (docket->copies_of[number] != COPIES_NONE) {
		rule_copies(docket, &docket->copies[docket->copies_of[number]]);
		return;
	}
	docket->states[number] = STATE_UNDER_WAY;
	found = find_out(docket, &docket->verdicts[number], &finding);
	decide(docket, number, found ? &finding : NULL);
}

void copies_rule(struct docket *docket)
{
	for (size_t i = 0; i < docket->count; i++)
		rule_verdict(docket, i);
}

bool copies_ruled(const struct docket *docket, size_t number)
{
	return docket->states[number] == STATE_RULED;
}

bool copies_posts(const struct docket *docket, size_t number)
{
	const struct copies *copies = &docket->copies[docket->copies_of[number]];

	return !docket->verdicts[number].is_covered || (copies->taken && copies->members[0] == number);
}
