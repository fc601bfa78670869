#include "services/control/quota_plan_file.h"

#include <stdlib.h>
#include <string.h>

enum {
	RULES_MAX = 20000,
	EXCEPT_MAX = 10000,
	HUNDRED = 100,
	PER_MEMBER_MAX = 100 * HUNDRED,
	PERCENT_MAX = 100 * HUNDRED,
};
static const uint64_t FIXED_MAX = UINT64_C(1000000000000);

/* Units ----------------------------------------------------------------------------------------------------------- */

static void read_unit(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	const char *code = yaml_scalar(reader, node, "a unit's code");
	const struct unit *unit = code == NULL ? NULL : unit_by_code(quota_reader_of(reader)->tree, code);

	if (unit != NULL)
		*(uint32_t *)target = unit->id;
	else if (code != NULL)
		yaml_fault(reader, node, "there is no unit \"%.60s\"; import it first or correct the code", code);
}

static void read_level(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const char *const NAMES[] = {"nation", "top", "upper", "grassroots", "section"};
	const char *text = yaml_scalar(reader, node, "a level");
	struct quota_rule *rule = target;

	rule->has_level = true;
	for (size_t i = 0; text != NULL && i < ARRAY_LENGTH(NAMES); i++)
		if (strcmp(text, NAMES[i]) == 0) {
			rule->level = (enum unit_level)i;
			return;
		}
	if (text != NULL)
		yaml_fault(reader, node, "\"%.60s\" is no level; write one of: nation, top, upper, grassroots, section",
			text);
}

static void read_block(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	const char *text = yaml_scalar(reader, node, "a block");
	struct quota_rule *rule = target;

	rule->has_block = true;
	if (text != NULL && !block_parse(text, &rule->block))
		yaml_fault(reader, node, "\"%.60s\" is no block; write enterprise or public", text);
}

static void read_except(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	struct quota_rule *rule = target;

	rule->except =
		yaml_read_sequence(reader, node, sizeof(*rule->except), EXCEPT_MAX, read_unit, &rule->except_count);
}

static void read_group(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const struct yaml_field FIELDS[] = {
		{"below", read_unit, offsetof(struct quota_rule, below), true},
		{"level", read_level, 0, false},
		{"block", read_block, 0, false},
		{"except", read_except, 0, false},
	};

	((struct quota_rule *)target)->is_group = true;
	yaml_read_mapping(reader, node, FIELDS, ARRAY_LENGTH(FIELDS), target);
}

/* Amounts --------------------------------------------------------------------------------------------------------- */

/* "4", "0.5", "12.25" in hundredths. */
static bool parse_hundredths(const char *text, uint64_t *hundredths)
{
	size_t whole = strspn(text, "0123456789");
	const char *point = text + whole;
	size_t fraction = *point == '.' ? strspn(point + 1, "0123456789") : 0;

	if (whole == 0 || whole > 9 || fraction > 2 || point[*point == '.' ? fraction + 1 : 0] != '\0' ||
		(*point == '.' && fraction == 0))
		return false;
	*hundredths = strtoull(text, NULL, 10) * HUNDRED;
	if (fraction > 0)
		*hundredths += strtoull(point + 1, NULL, 10) * (fraction == 1 ? 10 : 1);
	return true;
}

static void read_value(struct yaml_reader *reader, yaml_node_t *node, struct quota_amount *amount)
{
	const char *text = yaml_scalar(reader, node, "a number");
	uint64_t most = amount->form == QUOTA_PERCENT ? PERCENT_MAX : PER_MEMBER_MAX;

	if (text == NULL)
		return;
	if (amount->form == QUOTA_FIXED) {
		size_t digits = strspn(text, "0123456789");
		if (digits > 0 && digits < 14 && text[digits] == '\0')
			amount->value = strtoull(text, NULL, 10);
		if (amount->value == 0 || amount->value > FIXED_MAX)
			yaml_fault(reader, node, "\"%.60s\" is no target; write a whole number from 1, or remove it",
				text);
	} else if (!parse_hundredths(text, &amount->value) || amount->value == 0 || amount->value > most) {
		yaml_fault(reader, node,
			"\"%.60s\" is out of range; write a number above 0, at most %u, like 4 or 0.25", text,
			(unsigned)(most / HUNDRED));
	}
}

static void read_amount(
	struct yaml_reader *reader, yaml_node_t *key, yaml_node_t *value, const struct quota_amount *kind, void *target)
{
	struct quota_rule *rule = target;
	const char *text = yaml_scalar(reader, key, "a period");
	const struct quota_period *period =
		text == NULL ? NULL : quota_period_find(quota_reader_of(reader)->plan, text);
	struct quota_amount amount = *kind;

	if (text == NULL)
		return;
	if (period == NULL) {
		quota_period_say_unknown(reader, key, text);
		return;
	}
	amount.period = period->number;
	amount.line = (uint32_t)key->start_mark.line + 1;
	read_value(reader, value, &amount);
	rule->amounts[rule->amount_count++] = amount;
}

static bool make_room(struct yaml_reader *reader, struct quota_rule *rule, size_t more)
{
	struct quota_amount *amounts = arena_alloc(reader->arena, (rule->amount_count + more) * sizeof(*amounts));

	if (amounts == NULL)
		return false;
	if (rule->amount_count > 0)
		memcpy(amounts, rule->amounts, rule->amount_count * sizeof(*amounts));
	rule->amounts = amounts;
	return true;
}

static void read_amounts(struct yaml_reader *reader, yaml_node_t *node, struct quota_amount kind, void *target)
{
	if (node->type != YAML_MAPPING_NODE) {
		yaml_fault(reader, node, "not a mapping; write it like {all: 700, phase_1: 400, phase_2: 300}");
		return;
	}
	yaml_node_pair_t *first = node->data.mapping.pairs.start, *end = node->data.mapping.pairs.top;
	if (!make_room(reader, target, (size_t)(end - first))) {
		yaml_fault(reader, node, "the file is too large; shorten it");
		return;
	}
	for (yaml_node_pair_t *pair = first; pair < end; pair++)
		read_amount(reader, yaml_document_get_node(&reader->document, pair->key),
			yaml_document_get_node(&reader->document, pair->value), &kind, target);
}

static void read_initiatives(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	read_amounts(reader, node, (struct quota_amount){.counts = QUOTA_INITIATIVES, .form = QUOTA_FIXED}, target);
}

static void read_people(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	read_amounts(reader, node, (struct quota_amount){.counts = QUOTA_PEOPLE, .form = QUOTA_FIXED}, target);
}

static void read_per_member(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	read_amounts(
		reader, node, (struct quota_amount){.counts = QUOTA_INITIATIVES, .form = QUOTA_PER_MEMBER}, target);
}

static void read_percent(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	read_amounts(reader, node, (struct quota_amount){.counts = QUOTA_PEOPLE, .form = QUOTA_PERCENT}, target);
}

static void read_rule(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const struct yaml_field FIELDS[] = {
		{"unit", read_unit, offsetof(struct quota_rule, unit), false},
		{"each", read_group, 0, false},
		{"expect", yaml_read_u32, offsetof(struct quota_rule, expect), false},
		{"initiatives", read_initiatives, 0, false},
		{"initiatives_per_member", read_per_member, 0, false},
		{"people", read_people, 0, false},
		{"percent_of_members", read_percent, 0, false},
	};
	struct quota_rule *rule = target;
	size_t faults = reader->fault_count;

	rule->node = node;
	yaml_read_mapping(reader, node, FIELDS, ARRAY_LENGTH(FIELDS), rule);
	if (faults != reader->fault_count)
		return;
	if ((rule->unit != 0) == rule->is_group)
		yaml_fault(reader, node, "a rule is of one \"unit\" or of \"each\" unit of a group; write one of them");
	else if (rule->amount_count == 0)
		yaml_fault(reader, node,
			"a rule without a target; add initiatives, initiatives_per_member, people or "
			"percent_of_members");
	else if (rule->unit != 0 && rule->expect != 0)
		yaml_fault(reader, yaml_value(reader, node, "expect"),
			"\"expect\" is of a group; remove it, a unit is one");
}

/* The document ---------------------------------------------------------------------------------------------------- */

static void read_campaign(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	const char *code = yaml_scalar(reader, node, "a campaign's code");

	(void)target;
	if (code != NULL && strcmp(code, quota_reader_of(reader)->campaign->code) != 0)
		yaml_fault(reader, node, "a plan for \"%.60s\", but it is applied to \"%s\"; take the other file", code,
			quota_reader_of(reader)->campaign->code);
}

/* Kept for later: their periods may be rounds that stand further down. */
static void keep_quotas(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	(void)target;
	quota_reader_of(reader)->quotas = node;
}

void quota_plan_file_read(struct quota_reader *reader)
{
	static const struct yaml_field FIELDS[] = {
		{"campaign", read_campaign, 0, true},
		{"rounds", quota_rounds_read, 0, false},
		{"quotas", keep_quotas, 0, true},
	};

	quota_periods_find(reader);
	yaml_read_mapping(&reader->yaml, yaml_document_get_root_node(&reader->yaml.document), FIELDS,
		ARRAY_LENGTH(FIELDS), reader->plan);
	if (reader->quotas != NULL)
		reader->rules = yaml_read_sequence(&reader->yaml, reader->quotas, sizeof(*reader->rules), RULES_MAX,
			read_rule, &reader->rule_count);
}
