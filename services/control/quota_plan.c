#include "services/control/quota_plan.h"

#include "services/control/quota_plan_file.h"

#include <stdio.h>
#include <stdlib.h>

enum { PLAN_BYTES_MAX = 64 << 20 };

/* What quota_plan_free() finds behind the public part. */
struct owned_plan {
	struct quota_plan plan; /* first */
	struct arena *arena;
};

struct expansion {
	struct quota_reader *reader;
	struct quota_plan *plan;
	size_t capacity;
	bool failed;
};

static void add_shares(struct expansion *expansion, const struct quota_rule *rule, uint32_t number, uint32_t unit)
{
	struct quota_plan *plan = expansion->plan;

	for (size_t i = 0; i < rule->amount_count && !expansion->failed; i++) {
		const struct quota_amount *amount = &rule->amounts[i];

		if (plan->share_count == expansion->capacity) {
			size_t capacity = expansion->capacity == 0 ? 1024 : 2 * expansion->capacity;
			void *grown = realloc(plan->shares, capacity * sizeof(*plan->shares));
			expansion->failed = grown == NULL;
			if (expansion->failed)
				return;
			plan->shares = grown;
			expansion->capacity = capacity;
		}
		plan->shares[plan->share_count++] = (struct quota_share){.unit = unit,
			.period = amount->period,
			.counts = amount->counts,
			.form = amount->form,
			.value = amount->value,
			.line = amount->line,
			.rule = number,
			.of_group = rule->is_group};
	}
}

static bool fits(const struct quota_rule *rule, const struct unit *unit)
{
	for (size_t i = 0; i < rule->except_count; i++)
		if (rule->except[i] == unit->id)
			return false;
	return (!rule->has_level || unit->level == rule->level) && (!rule->has_block || unit->block == rule->block);
}

/* All that stand below `parent`, at most UNIT_DEPTH_MAX deep. */
static void add_group(struct expansion *expansion, const struct quota_rule *rule, uint32_t number, uint32_t parent)
{
	size_t count;
	const struct unit *const *children = unit_children(expansion->reader->tree, parent, &count);

	for (size_t i = 0; i < count; i++) {
		if (fits(rule, children[i]))
			add_shares(expansion, rule, number, children[i]->id);
		add_group(expansion, rule, number, children[i]->id);
	}
}

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

/* By key; what names the unit before what names its group, then as in the file. */
static int compare_shares(const void *left, const void *right)
{
	const struct quota_share *a = left, *b = right;
	int order = COMPARE(a->unit, b->unit);

	if (order == 0)
		order = COMPARE(a->counts, b->counts);
	if (order == 0)
		order = COMPARE(a->period, b->period);
	if (order == 0)
		order = COMPARE(a->of_group, b->of_group);
	return order == 0 ? COMPARE(a->line, b->line) : order;
}

static bool same_key(const struct quota_share *a, const struct quota_share *b)
{
	return a->unit == b->unit && a->counts == b->counts && a->period == b->period;
}

static void say_conflict(struct expansion *expansion, const struct quota_share *kept, const struct quota_share *other)
{
	struct yaml_reader *reader = &expansion->reader->yaml;

	buffer_format(reader->faults,
		"%s:%u: a second target for the same period of unit \"%s\", after line %u; keep one, or leave the unit "
		"out "
		"with \"except\"\n",
		reader->file_name, other->line, unit_by_id(expansion->reader->tree, other->unit)->code, kept->line);
	reader->fault_count++;
}

/* One a unit and period: a rule for the unit goes before one for its group; two of a kind contradict each other. Two
 * groups may do so at thousands of units: it is said once a rule. */
static void keep_one_each(struct expansion *expansion)
{
	struct quota_plan *plan = expansion->plan;
	bool *said = calloc(expansion->reader->rule_count + 1, sizeof(*said));
	size_t kept = 0;

	expansion->failed |= said == NULL;
	if (plan->share_count > 1)
		qsort(plan->shares, plan->share_count, sizeof(*plan->shares), compare_shares);
	for (size_t i = 0; i < plan->share_count && said != NULL; i++) {
		const struct quota_share *share = &plan->shares[i], *last = kept == 0 ? NULL : &plan->shares[kept - 1];

		if (last == NULL || !same_key(last, share)) {
			plan->shares[kept++] = *share;
		} else if (last->of_group == share->of_group && !said[share->rule]) {
			said[share->rule] = true;
			say_conflict(expansion, last, share);
		}
	}
	plan->share_count = kept;
	free(said);
}

/* Of each rule: how many units have their target from it. */
static void note_groups(const struct expansion *expansion, struct buffer *notes)
{
	const struct quota_plan *plan = expansion->plan;
	const struct quota_reader *reader = expansion->reader;
	uint32_t *units = calloc(2 * (reader->rule_count + 1), sizeof(*units));
	uint32_t *last = units == NULL ? NULL : units + reader->rule_count + 1;

	for (size_t i = 0; i < plan->share_count && units != NULL; i++) {
		const struct quota_share *share = &plan->shares[i];
		units[share->rule] += last[share->rule] != share->unit;
		last[share->rule] = share->unit;
	}
	for (size_t i = 0; i < reader->rule_count && units != NULL; i++) {
		const struct quota_rule *rule = &reader->rules[i];
		size_t line = rule->node->start_mark.line + 1;
		if (rule->is_group && rule->expect != 0 && units[i] != rule->expect)
			buffer_format(notes, "%s:%zu: %u units, %u expected; import those that are missing\n",
				plan->file_name, line, units[i], rule->expect);
		else if (rule->is_group && units[i] == 0)
			buffer_format(notes, "%s:%zu: no unit fits yet; import them, or correct the group\n",
				plan->file_name, line);
	}
	free(units);
}

static void expand(struct quota_reader *reader, struct buffer *notes)
{
	struct expansion expansion = {.reader = reader, .plan = reader->plan};

	for (size_t i = 0; i < reader->rule_count; i++) {
		const struct quota_rule *rule = &reader->rules[i];
		if (rule->is_group)
			add_group(&expansion, rule, (uint32_t)i, rule->below);
		else
			add_shares(&expansion, rule, (uint32_t)i, rule->unit);
	}
	reader->plan->rule_count = reader->rule_count;
	if (!expansion.failed)
		keep_one_each(&expansion);
	if (expansion.failed) {
		buffer_format(reader->yaml.faults, "%s:1: out of memory; try again\n", reader->yaml.file_name);
		reader->yaml.fault_count++;
		return;
	}
	note_groups(&expansion, notes);
}

static void read_document(struct quota_reader *reader, struct bytes yaml, struct buffer *notes)
{
	if (!yaml_reader_open(&reader->yaml, yaml))
		return;
	quota_plan_file_read(reader);
	if (reader->yaml.fault_count == 0)
		expand(reader, notes);
	yaml_document_delete(&reader->yaml.document);
}

const char *quota_period_name(uint32_t number, char name[PERIOD_NAME_SIZE])
{
	if (number == PERIOD_WHOLE)
		snprintf(name, PERIOD_NAME_SIZE, "all");
	else if (number < PERIOD_ROUND_FIRST)
		snprintf(name, PERIOD_NAME_SIZE, "phase_%u", number);
	else
		snprintf(name, PERIOD_NAME_SIZE, "round_%u", number - PERIOD_ROUND_FIRST);
	return name;
}

struct quota_plan *quota_plan_parse(const char *file_name, struct bytes yaml, const struct campaign *campaign,
	const struct unit_tree *tree, struct buffer *faults, struct buffer *notes)
{
	struct owned_plan *owned = calloc(1, sizeof(*owned));
	struct arena *arena = arena_new(PLAN_BYTES_MAX);
	struct quota_reader reader = {.campaign = campaign, .tree = tree};

	if (owned == NULL || arena == NULL) {
		buffer_format(faults, "%s:1: out of memory; try again\n", file_name);
		free(owned);
		if (arena != NULL)
			arena_free(&arena);
		return NULL;
	}
	struct quota_plan *plan = &owned->plan;
	owned->arena = arena;
	plan->file_name = file_name;
	reader.plan = plan;
	reader.yaml = (struct yaml_reader){.file_name = file_name, .faults = faults, .arena = arena};
	read_document(&reader, yaml, notes);
	if (reader.yaml.fault_count > 0)
		quota_plan_free(&plan);
	return plan;
}

void quota_plan_free(struct quota_plan **plan)
{
	struct owned_plan *owned = (struct owned_plan *)*plan;

	if (owned == NULL)
		return;
	free(owned->plan.shares);
	arena_free(&owned->arena);
	free(owned);
	*plan = NULL;
}

const struct quota_period *quota_plan_period(const struct quota_plan *plan, uint32_t number)
{
	for (size_t i = 0; i < plan->period_count; i++)
		if (plan->periods[i].number == number)
			return &plan->periods[i];
	return NULL;
}

const struct quota_share *quota_plan_shares(const struct quota_plan *plan, uint32_t unit, size_t *count)
{
	size_t low = 0, high = plan->share_count, end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (plan->shares[middle].unit < unit)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < plan->share_count && plan->shares[end].unit == unit;)
		end++;
	*count = end - low;
	return plan->shares + low;
}
