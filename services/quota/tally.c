#include "services/quota/tally.h"

#include "common/runtime/mutant.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_FIRST = 1024 };

/* Open addressing over row numbers; a batch touches the same few ancestors again and again. */
struct tally {
	struct arena *arena;
	struct tally_row *rows;
	uint32_t *slots; /* row number + 1; 0: free */
	size_t count, slot_count;
};

static bool make_room(struct tally *tally, size_t slot_count);

struct tally *tally_new(struct arena *arena)
{
	struct tally *tally = arena_alloc(arena, sizeof(*tally));

	if (tally == NULL)
		return NULL;
	*tally = (struct tally){.arena = arena};
	return make_room(tally, SLOTS_FIRST) ? tally : NULL;
}

static uint64_t hash_key(uint32_t campaign, uint32_t unit, uint32_t phase)
{
	uint64_t key = ((uint64_t)campaign << 48) ^ ((uint64_t)phase << 32) ^ unit;

	return (key * UINT64_C(0x9e3779b97f4a7c15)) >> 20;
}

static uint32_t *find_slot(const struct tally *tally, uint32_t campaign, uint32_t unit, uint32_t phase)
{
	size_t mask = tally->slot_count - 1;

	for (size_t at = hash_key(campaign, unit, phase) & mask;; at = (at + 1) & mask) {
		const struct tally_row *row;

		if (tally->slots[at] == 0)
			return &tally->slots[at];
		row = &tally->rows[tally->slots[at] - 1];
		if (row->unit == unit && row->phase == phase && row->campaign == campaign)
			return &tally->slots[at];
	}
}

/* Rows fill at most half of the slots. What is outgrown dies with the arena. */
static bool make_room(struct tally *tally, size_t slot_count)
{
	struct tally_row *rows = arena_alloc(tally->arena, slot_count / 2 * sizeof(*rows));
	uint32_t *slots = arena_alloc(tally->arena, slot_count * sizeof(*slots));

	if (rows == NULL || slots == NULL)
		return false;
	memset(slots, 0, slot_count * sizeof(*slots));
	if (tally->count > 0)
		memcpy(rows, tally->rows, tally->count * sizeof(*rows));
	tally->rows = rows;
	tally->slots = slots;
	tally->slot_count = slot_count;
	for (size_t i = 0; i < tally->count; i++)
		*find_slot(tally, rows[i].campaign, rows[i].unit, rows[i].phase) = (uint32_t)i + 1;
	return true;
}

static struct tally_row *row_of(struct tally *tally, uint32_t campaign, const struct unit *unit, uint32_t phase)
{
	uint32_t *slot = find_slot(tally, campaign, unit->id, phase);

	if (*slot != 0)
		return &tally->rows[*slot - 1];
	if (tally->count == tally->slot_count / 2) {
		if (!make_room(tally, tally->slot_count * 2))
			return NULL;
		slot = find_slot(tally, campaign, unit->id, phase);
	}
	tally->rows[tally->count] =
		(struct tally_row){.campaign = campaign, .unit = unit->id, .phase = phase, .parent = unit->parent};
	*slot = (uint32_t)++tally->count;
	return &tally->rows[tally->count - 1];
}

static enum tally_column column_of(enum submission_status status)
{
	static const enum tally_column columns[] = {
		[STATUS_UNDER_REVIEW] = TALLY_UNDER_REVIEW,
		[STATUS_COUNTED] = TALLY_COUNTED,
		[STATUS_REJECTED] = TALLY_REJECTED,
		[STATUS_DUPLICATE] = TALLY_DUPLICATE,
		[STATUS_REVOKED] = TALLY_REVOKED,
	};

	assert(status > STATUS_RECEIVED && (size_t)status < ARRAY_LENGTH(columns));
	return columns[status];
}

static bool move(struct tally *tally, uint32_t campaign, const struct unit *unit, uint32_t phase,
	enum submission_status before, enum submission_status after)
{
	struct tally_row *row = row_of(tally, campaign, unit, phase);

	if (row == NULL)
		return false;
	if (before == STATUS_RECEIVED)
		row->by[TALLY_ENTERED]++;
	else
		row->by[column_of(before)]--;
	row->by[column_of(after)]++;
	return true;
}

bool tally_change(struct tally *tally, uint32_t campaign, const struct unit_tree *tree, uint32_t unit, uint32_t phase,
	enum submission_status before, enum submission_status after)
{
	uint32_t line[UNIT_DEPTH_MAX];
	size_t depth = unit_ancestors(tree, unit, line);

	for (size_t i = 0; i < depth; i++) {
		const struct unit *at = unit_by_id(tree, line[i]);

		if (MUTANT_REVOKE_KEEPS_ANCESTORS && after == STATUS_REVOKED && i > 0)
			break;
		if (!move(tally, campaign, at, TALLY_WHOLE, before, after))
			return false;
		if (phase != TALLY_WHOLE && !move(tally, campaign, at, phase, before, after))
			return false;
	}
	return depth > 0;
}

bool tally_people(
	struct tally *tally, uint32_t campaign, const struct unit_tree *tree, uint32_t unit, uint32_t phase, int by)
{
	const struct unit *at = unit_by_id(tree, unit);
	struct tally_row *row = at == NULL ? NULL : row_of(tally, campaign, at, phase);

	if (row == NULL)
		return false;
	row->by[TALLY_PEOPLE] += by;
	return true;
}

static bool is_still(const struct tally_row *row)
{
	for (size_t i = 0; i < TALLY_COLUMNS; i++)
		if (row->by[i] != 0)
			return false;
	return true;
}

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

static int compare_rows(const void *left, const void *right)
{
	const struct tally_row *a = left, *b = right;
	int order = COMPARE(a->parent == 0, b->parent == 0);

	if (order == 0)
		order = COMPARE(a->campaign, b->campaign);
	if (order == 0)
		order = COMPARE(a->unit, b->unit);
	return order == 0 ? COMPARE(a->phase, b->phase) : order;
}

const struct tally_row *tally_sorted(struct tally *tally, size_t *count)
{
	struct tally_row *sorted = arena_alloc(tally->arena, tally->count * sizeof(*sorted));

	*count = 0;
	if (sorted == NULL)
		return NULL;
	for (size_t i = 0; i < tally->count; i++)
		if (!is_still(&tally->rows[i]))
			sorted[(*count)++] = tally->rows[i];
	qsort(sorted, *count, sizeof(*sorted), compare_rows);
	return sorted;
}
