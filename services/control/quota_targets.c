#include "services/control/quota_targets.h"

#include "common/runtime/clock.h"

#include <stdlib.h>
#include <string.h>

enum { LANES = 2 /* initiatives, people */, PER_HUNDRED = 100, PER_TEN_THOUSAND = 10000 };

struct evaluation {
	const struct quota_plan *plan;
	const struct unit_tree *tree;
	const struct member_counts *members;
	int32_t as_of;
	struct quota_targets *targets;
	/* A row of cells a level of the tree: [period][lane]. */
	struct quota_target *cells;
	size_t cell_count;
	bool failed;
};

uint64_t quota_target_value(const struct quota_target *target)
{
	return target->has_declared ? target->declared : target->parts;
}

bool quota_target_differs(const struct quota_target *target)
{
	return target->has_declared && ((target->has_parts && target->parts != target->declared) ||
					       (target->has_phases && target->phases != target->declared));
}

void quota_targets_free(struct quota_targets *targets)
{
	free(targets->rows);
	*targets = (struct quota_targets){0};
}

static bool add_row(struct quota_targets *targets, const struct quota_target *row)
{
	if (targets->count == targets->capacity) {
		size_t capacity = targets->capacity == 0 ? 1024 : 2 * targets->capacity;
		void *grown = realloc(targets->rows, capacity * sizeof(*row));
		if (grown == NULL)
			return false;
		targets->rows = grown;
		targets->capacity = capacity;
	}
	targets->rows[targets->count++] = *row;
	return true;
}

/* One unit -------------------------------------------------------------------------------------------------------- */

static struct quota_target *cell_of(struct quota_target *cells, size_t period, enum quota_counts counts)
{
	return &cells[period * LANES + (size_t)counts - 1];
}

static int32_t earlier(int32_t a, int32_t b)
{
	return a < b ? a : b;
}

/* A floor: what a fraction of a member would add counts in full. */
static uint64_t share_amount(const struct quota_share *share, uint64_t members)
{
	uint64_t whole = share->form == QUOTA_PERCENT ? PER_TEN_THOUSAND : PER_HUNDRED;

	return share->form == QUOTA_FIXED ? share->value : (members * share->value + whole - 1) / whole;
}

static void declare(const struct evaluation *it, const struct quota_share *share, struct quota_target *cells,
	const struct unit *unit)
{
	const struct quota_period *period = quota_plan_period(it->plan, share->period);
	struct quota_target *cell = cell_of(cells, (size_t)(period - it->plan->periods), share->counts);
	uint64_t members = 0;

	if (share->form != QUOTA_FIXED &&
		(!member_counts_find(it->members, it->tree, unit->id, earlier(it->as_of, period->last_day), &members) ||
			members == 0))
		return;
	cell->has_declared = true;
	cell->declared = share_amount(share, members);
}

/* Initiatives of the phases make up those of the whole; people do not: one may be there in each of them. */
static void add_up_phases(const struct evaluation *it, struct quota_target *cells)
{
	struct quota_target *whole = cell_of(cells, 0, QUOTA_INITIATIVES);
	size_t count = 0;
	uint64_t sum = 0;

	for (size_t i = 1; i < it->plan->period_count; i++) {
		const struct quota_target *phase = cell_of(cells, i, QUOTA_INITIATIVES);
		if (it->plan->periods[i].number >= PERIOD_ROUND_FIRST)
			continue;
		if (!phase->has_declared)
			return;
		count++;
		sum += phase->declared;
	}
	if (count == 0)
		return;
	whole->has_phases = whole->has_declared;
	whole->phases = whole->has_declared ? sum : 0;
	if (!whole->has_declared)
		whole->declared = sum;
	whole->has_declared = true;
}

static void add_part(struct quota_target *sum, const struct quota_target *part)
{
	if (!part->has_declared && !part->has_parts)
		return;
	sum->has_parts = true;
	sum->parts += quota_target_value(part);
}

/* What was declared for a unit that has been merged into this one since: it has nothing of its own any more. Where
 * nothing is declared for this one, it is one of its parts. */
static void inherit(
	const struct evaluation *it, const struct unit *merged, struct quota_target *own, struct quota_target *cells)
{
	size_t share_count;
	const struct quota_share *shares = quota_plan_shares(it->plan, merged->id, &share_count);

	memset(own, 0, it->cell_count * sizeof(*own));
	for (size_t i = 0; i < share_count; i++)
		declare(it, &shares[i], own, merged);
	add_up_phases(it, own);
	for (size_t i = 0; i < it->cell_count; i++) {
		if (own[i].has_declared && cells[i].has_declared)
			cells[i].declared += own[i].declared;
		else
			add_part(&cells[i], &own[i]);
		if (own[i].has_declared && cells[i].has_phases)
			cells[i].phases += own[i].has_phases ? own[i].phases : own[i].declared;
	}
}

static void emit(struct evaluation *it, struct quota_target *cells, const struct unit *unit)
{
	for (size_t i = 0; i < it->cell_count; i++) {
		struct quota_target *cell = &cells[i];
		if (!cell->has_declared && !cell->has_parts)
			continue;
		cell->unit = unit->id;
		cell->period = it->plan->periods[i / LANES].number;
		cell->counts = (enum quota_counts)(i % LANES + 1);
		cell->holds_from = it->as_of;
		it->failed |= !add_row(it->targets, cell);
	}
}

/* The children first; at most UNIT_DEPTH_MAX deep. */
static void evaluate_unit(struct evaluation *it, const struct unit *unit, size_t depth)
{
	struct quota_target *cells = it->cells + depth * it->cell_count, *below = cells + it->cell_count;
	size_t child_count, share_count, merged_count;
	const struct unit *const *children = unit_children(it->tree, unit->id, &child_count);
	const struct quota_share *shares = quota_plan_shares(it->plan, unit->id, &share_count);
	const struct unit *const *merged = unit_merged(it->tree, unit->id, &merged_count);

	memset(cells, 0, it->cell_count * sizeof(*cells));
	for (size_t i = 0; i < child_count; i++) {
		evaluate_unit(it, children[i], depth + 1);
		for (size_t k = 0; k < it->cell_count; k++)
			add_part(&cells[k], &below[k]);
	}
	for (size_t i = 0; i < share_count; i++)
		declare(it, &shares[i], cells, unit);
	add_up_phases(it, cells);
	for (size_t i = 0; i < merged_count; i++)
		inherit(it, merged[i], below, cells);
	emit(it, cells, unit);
}

/* All units ------------------------------------------------------------------------------------------------------- */

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

static int compare_keys(const struct quota_target *a, const struct quota_target *b)
{
	int order = COMPARE(a->unit, b->unit);

	if (order == 0)
		order = COMPARE(a->period, b->period);
	return order == 0 ? COMPARE(a->counts, b->counts) : order;
}

static int compare_rows(const void *left, const void *right)
{
	const struct quota_target *a = left, *b = right;
	int order = compare_keys(a, b);

	return order == 0 ? COMPARE(a->holds_from, b->holds_from) : order;
}

static bool add_all(const struct quota_plan *plan, const struct unit_tree *tree, const struct member_counts *members,
	int32_t as_of, struct quota_targets *targets)
{
	struct evaluation it = {.plan = plan,
		.tree = tree,
		.members = members,
		.as_of = as_of,
		.targets = targets,
		.cell_count = plan->period_count * LANES};

	it.cells = calloc((UNIT_DEPTH_MAX + 1) * it.cell_count, sizeof(*it.cells));
	if (it.cells == NULL)
		return false;
	evaluate_unit(&it, unit_tree_root(tree), 0);
	free(it.cells);
	return !it.failed;
}

bool quota_targets_evaluate(const struct quota_plan *plan, const struct unit_tree *tree,
	const struct member_counts *members, int32_t as_of, struct quota_targets *targets)
{
	*targets = (struct quota_targets){0};
	if (!add_all(plan, tree, members, as_of, targets)) {
		quota_targets_free(targets);
		return false;
	}
	if (targets->count > 1)
		qsort(targets->rows, targets->count, sizeof(*targets->rows), compare_rows);
	return true;
}

static bool same_figures(const struct quota_target *a, const struct quota_target *b)
{
	return compare_keys(a, b) == 0 && a->has_declared == b->has_declared && a->declared == b->declared &&
	       a->has_parts == b->has_parts && a->parts == b->parts && a->has_phases == b->has_phases &&
	       a->phases == b->phases;
}

/* What is new or different `now`; of what was before, nothing ever ends. */
static bool add_differences(
	struct quota_targets *all, const struct quota_targets *before, const struct quota_targets *now)
{
	size_t at = 0;

	for (size_t i = 0; i < now->count; i++) {
		while (at < before->count && compare_keys(&before->rows[at], &now->rows[i]) < 0)
			at++;
		if (at < before->count && same_figures(&before->rows[at], &now->rows[i]))
			continue;
		if (!add_row(all, &now->rows[i]))
			return false;
	}
	return true;
}

static bool add_days(const struct quota_plan *plan, const struct unit_tree *tree, const struct member_counts *members,
	const int32_t *days, size_t day_count, struct quota_targets *all)
{
	struct quota_targets before = {0}, now = {0};
	bool good = true;

	for (size_t i = 0; i <= day_count && good; i++) {
		int32_t day = i == 0 ? PLAN_BEGINS : days[i - 1];
		if (i > 0 && day <= PLAN_BEGINS)
			continue;
		good = quota_targets_evaluate(plan, tree, members, day, &now) && add_differences(all, &before, &now);
		quota_targets_free(&before);
		before = now;
		now = (struct quota_targets){0};
	}
	quota_targets_free(&before);
	return good;
}

bool quota_targets_history(const struct quota_plan *plan, const struct unit_tree *tree,
	const struct member_counts *members, struct quota_targets *targets)
{
	size_t day_count;
	int32_t *days = member_counts_days(members, &day_count);
	bool good = days != NULL;

	*targets = (struct quota_targets){0};
	good = good && add_days(plan, tree, members, days, day_count, targets);
	free(days);
	if (!good)
		quota_targets_free(targets);
	else if (targets->count > 1)
		qsort(targets->rows, targets->count, sizeof(*targets->rows), compare_rows);
	return good;
}

/* Members --------------------------------------------------------------------------------------------------------- */

struct need { /* of one rule */
	uint32_t line, first_unknown, unknown, asked;
	bool zero_said;
};

static void say_zero(const struct quota_plan *plan, const struct quota_share *share, const struct unit *unit,
	int32_t day, struct buffer *faults)
{
	char from[CLOCK_TEXT_SIZE];

	clock_format_day(day, from);
	buffer_format(faults,
		"%s:%u: a share of the members of \"%s\", who has 0 members from %s; correct its count or leave the "
		"unit "
		"out\n",
		plan->file_name, share->line, unit->code, from);
}

static void check_share(const struct quota_plan *plan, const struct unit_tree *tree,
	const struct member_counts *members, const int32_t *days, size_t day_count, const struct quota_share *share,
	struct need *need, struct buffer *faults)
{
	int32_t last_day = quota_plan_period(plan, share->period)->last_day;
	uint64_t count;
	bool known = false;

	for (size_t i = 0; i < day_count; i++) {
		known = member_counts_find(members, tree, share->unit, earlier(days[i], last_day), &count);
		if (known && count == 0 && !need->zero_said) {
			need->zero_said = true;
			say_zero(plan, share, unit_by_id(tree, share->unit), earlier(days[i], last_day), faults);
		}
	}
	need->asked++;
	if (!known && need->unknown++ == 0) {
		need->first_unknown = share->unit;
		need->line = share->line;
	}
}

/* Of each rule, in the file's order. */
static void note_unknown(
	const struct quota_plan *plan, const struct unit_tree *tree, const struct need *needs, struct buffer *notes)
{
	for (size_t i = 0; i < plan->rule_count; i++)
		if (needs[i].unknown > 0)
			buffer_format(notes,
				"%s:%u: members not known in %u of %u cases, first of \"%s\"; there is no target until "
				"they are given\n",
				plan->file_name, needs[i].line, needs[i].unknown, needs[i].asked,
				unit_by_id(tree, needs[i].first_unknown)->code);
}

bool quota_members_check(const struct quota_plan *plan, const struct unit_tree *tree,
	const struct member_counts *members, struct buffer *faults, struct buffer *notes)
{
	size_t day_count, before = faults->size;
	int32_t *days = member_counts_days(members, &day_count);
	struct need *needs = calloc(plan->rule_count + 1, sizeof(*needs));

	if (needs == NULL || days == NULL) {
		buffer_format(faults, "%s:1: out of memory; try again\n", plan->file_name);
	} else {
		for (size_t i = 0; i < plan->share_count; i++)
			if (plan->shares[i].form != QUOTA_FIXED)
				check_share(plan, tree, members, days, day_count, &plan->shares[i],
					&needs[plan->shares[i].rule], faults);
		note_unknown(plan, tree, needs, notes);
	}
	free(needs);
	free(days);
	return faults->size == before && !faults->failed;
}
