#include "common/domain/campaign_file.h"

#include <string.h>

enum {
	LIST_MAX = 200,
	PHASES_MAX = 32,
	DESCRIPTION_CHARACTERS_MOST = 20000, /* what a body of 64 KiB can hold */
	PERSON_LIMIT_STANDARD = 30,
	PERSON_WINDOW_STANDARD_S = 600,
};

void bilingual_read(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const struct yaml_field FIELDS[] = {
		{"vi", yaml_read_text, offsetof(struct bilingual, vi), true},
		{"en", yaml_read_text, offsetof(struct bilingual, en), false},
	};
	struct bilingual *words = target;

	if (node->type == YAML_SCALAR_NODE)
		yaml_read_text(reader, node, &words->vi);
	else
		yaml_read_mapping(reader, node, FIELDS, ARRAY_LENGTH(FIELDS), words);
	if (words->en == NULL)
		words->en = words->vi;
}

static void read_scope(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const char *const WORDS[] = {"nation", "top", "unit"};
	int value = SCOPE_NATION;

	static_assert(SCOPE_NATION == 1 && SCOPE_TOP == 2 && SCOPE_UNIT == 3, "the order of WORDS");
	yaml_read_word(reader, node, WORDS, ARRAY_LENGTH(WORDS), &value);
	*(enum duplicate_scope *)target = (enum duplicate_scope)value;
}

static void read_person_key(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const char *const WORDS[] = {"phone", "national_id"};
	int value = PERSON_BY_PHONE;

	static_assert(PERSON_BY_PHONE == 1 && PERSON_BY_NATIONAL_ID == 2, "the order of WORDS");
	yaml_read_word(reader, node, WORDS, ARRAY_LENGTH(WORDS), &value);
	*(enum person_key *)target = (enum person_key)value;
}

static void read_phase_by(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const char *const WORDS[] = {"receipt", "applied_on"};
	int value = 1;

	yaml_read_word(reader, node, WORDS, ARRAY_LENGTH(WORDS), &value);
	*(bool *)target = value == 2;
}

/* Bit i of enum rule_field is word i + 1 here. */
static void read_rule_field(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const char *const WORDS[] = {"national_id", "category", "kind", "title", "applied_on", "recognized_on",
		"recognized_by", "accepted_on", "evidence_url"};
	int value = 0;

	static_assert(RULE_EVIDENCE_URL == 1 << (ARRAY_LENGTH(WORDS) - 1), "one word a bit");
	yaml_read_word(reader, node, WORDS, ARRAY_LENGTH(WORDS), &value);
	*(uint32_t *)target = value == 0 ? 0 : UINT32_C(1) << (value - 1);
}

static void read_rule_fields(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	size_t count;
	const uint32_t *bits = yaml_read_sequence(reader, node, sizeof(*bits), LIST_MAX, read_rule_field, &count);

	for (size_t i = 0; i < count; i++)
		*(uint32_t *)target |= bits[i];
}

static void read_fields(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const struct yaml_field FIELDS[] = {
		{"required", read_rule_fields, offsetof(struct rule_pack, required), false},
		{"offered", read_rule_fields, offsetof(struct rule_pack, offered), false},
	};

	yaml_read_mapping(reader, node, FIELDS, ARRAY_LENGTH(FIELDS), target);
}

static void read_coded_name(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const struct yaml_field FIELDS[] = {
		{"code", yaml_read_code, offsetof(struct coded_name, code), true},
		{"name", bilingual_read, offsetof(struct coded_name, name), true},
	};

	yaml_read_mapping(reader, node, FIELDS, ARRAY_LENGTH(FIELDS), target);
}

static struct coded_name *read_coded_names(struct yaml_reader *reader, yaml_node_t *node, size_t *count)
{
	struct coded_name *names = yaml_read_sequence(reader, node, sizeof(*names), LIST_MAX, read_coded_name, count);

	for (size_t i = 0; i < *count; i++)
		for (size_t j = 0; j < i; j++)
			if (names[i].code != NULL && names[j].code != NULL && strcmp(names[i].code, names[j].code) == 0)
				yaml_fault(reader, yaml_element(reader, node, i),
					"the code \"%s\" is given twice; give each its own", names[i].code);
	return names;
}

static void read_categories(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	struct rule_pack *pack = target;

	pack->categories = read_coded_names(reader, node, &pack->category_count);
}

static void read_kinds(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	struct rule_pack *pack = target;

	pack->kinds = read_coded_names(reader, node, &pack->kind_count);
}

/* R2: the form offers these two; a campaign says which take part and what they are called. */
static void read_blocks(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	struct rule_pack *pack = target;
	enum submission_block block;

	pack->blocks = read_coded_names(reader, node, &pack->block_count);
	if (node->type == YAML_SEQUENCE_NODE && node->data.sequence.items.top == node->data.sequence.items.start)
		yaml_fault(reader, node, "no block could take part; list one, or remove the key for both");
	for (size_t i = 0; i < pack->block_count; i++)
		if (pack->blocks[i].code != NULL && !block_parse(pack->blocks[i].code, &block))
			yaml_fault(reader, yaml_element(reader, node, i),
				"\"%s\" is no block; write enterprise or public", pack->blocks[i].code);
}

static void set_standard_blocks(struct yaml_reader *reader, yaml_node_t *node, struct rule_pack *pack)
{
	static const struct coded_name BOTH[] = {
		{"enterprise", {"Doanh nghiệp", "Enterprise"}},
		{"public", {"Khối cơ quan, hành chính sự nghiệp", "Public body"}},
	};

	pack->blocks = arena_alloc(reader->arena, sizeof(BOTH));
	if (pack->blocks == NULL) {
		yaml_fault(reader, node, "the file is too large; shorten it");
		return;
	}
	memcpy(pack->blocks, BOTH, sizeof(BOTH));
	pack->block_count = ARRAY_LENGTH(BOTH);
}

static void read_window(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const struct yaml_field FIELDS[] = {
		{"from", yaml_read_day, offsetof(struct day_window, from), true},
		{"to", yaml_read_day, offsetof(struct day_window, to), true},
	};
	struct day_window *window = target;
	size_t faults = reader->fault_count;

	window->is_set = true;
	yaml_read_mapping(reader, node, FIELDS, ARRAY_LENGTH(FIELDS), window);
	if (faults == reader->fault_count && window->from > window->to)
		yaml_fault(reader, yaml_value(reader, node, "to"),
			"the window ends before it begins; let \"to\" be the last day that is taken");
}

static void read_phase(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const struct yaml_field FIELDS[] = {
		{"number", yaml_read_u32, offsetof(struct campaign_phase, number), true},
		{"name", bilingual_read, offsetof(struct campaign_phase, name), true},
		{"starts_at", yaml_read_instant, offsetof(struct campaign_phase, starts_at), true},
		{"ends_at", yaml_read_instant, offsetof(struct campaign_phase, ends_at), true},
	};
	const struct campaign_phase *phase = target;
	size_t faults = reader->fault_count;

	yaml_read_mapping(reader, node, FIELDS, ARRAY_LENGTH(FIELDS), target);
	if (faults == reader->fault_count && phase->starts_at >= phase->ends_at)
		yaml_fault(reader, yaml_value(reader, node, "ends_at"),
			"the phase ends before it starts; \"ends_at\" is the first instant after it");
}

static void read_phases(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	struct rule_pack *pack = target;
	size_t faults = reader->fault_count;
	struct campaign_phase *phases =
		yaml_read_sequence(reader, node, sizeof(*phases), PHASES_MAX, read_phase, &pack->phase_count);

	pack->phases = phases;
	for (size_t i = 0; i < pack->phase_count && faults == reader->fault_count; i++) {
		yaml_node_t *at = yaml_element(reader, node, i);
		if (phases[i].number != i + 1)
			yaml_fault(reader, at, "phase number %u; number the phases 1, 2, … in their order of time",
				phases[i].number);
		else if (i > 0 && phases[i].starts_at < phases[i - 1].ends_at)
			yaml_fault(reader, yaml_value(reader, at, "starts_at"),
				"phase %u overlaps phase %u; let it start when that one ends or later",
				phases[i].number, phases[i - 1].number);
	}
}

static void read_weighting(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const struct yaml_field FIELDS[] = {
		{"prior", yaml_read_u32, offsetof(struct campaign_weighting, prior), false},
		{"power", yaml_read_power, offsetof(struct campaign_weighting, power), false},
		{"cold_start_margin", yaml_read_share, offsetof(struct campaign_weighting, cold_start_margin), false},
	};

	yaml_read_mapping(reader, node, FIELDS, ARRAY_LENGTH(FIELDS), target);
}

static void read_duplicates(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const struct yaml_field FIELDS[] = {
		{"exact_scope", read_scope, offsetof(struct rule_pack, exact_scope), true},
		{"near_scope", read_scope, offsetof(struct rule_pack, near_scope), true},
		{"near_threshold", yaml_read_share, offsetof(struct rule_pack, near_threshold), true},
		{"review_threshold", yaml_read_share, offsetof(struct rule_pack, review_threshold), false},
		{"weighting", read_weighting, offsetof(struct rule_pack, weighting), false},
	};
	struct rule_pack *pack = target;
	size_t faults = reader->fault_count;

	yaml_read_mapping(reader, node, FIELDS, ARRAY_LENGTH(FIELDS), pack);
	if (pack->review_threshold == 0)
		pack->review_threshold = pack->near_threshold;
	if (faults != reader->fault_count)
		return;
	if (pack->near_threshold == 0)
		yaml_fault(reader, yaml_value(reader, node, "near_threshold"),
			"0 would make every text a duplicate; write a number above 0");
	if (pack->review_threshold > pack->near_threshold)
		yaml_fault(reader, yaml_value(reader, node, "review_threshold"),
			"above near_threshold; write at most that, or remove it for no review");
}

static void read_rate_limit(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const struct yaml_field FIELDS[] = {
		{"submissions", yaml_read_u32, offsetof(struct rule_pack, person_limit), true},
		{"seconds", yaml_read_u32, offsetof(struct rule_pack, person_window_s), true},
	};

	yaml_read_mapping(reader, node, FIELDS, ARRAY_LENGTH(FIELDS), target);
}

static bool holds_code(const struct coded_name *names, size_t count, const char *code)
{
	for (size_t i = 0; i < count; i++)
		if (names[i].code != NULL && strcmp(names[i].code, code) == 0)
			return true;
	return false;
}

/* What is right key by key and yet does not agree. */
static void check_agreement(struct yaml_reader *reader, yaml_node_t *node, const struct rule_pack *pack)
{
	if (pack->description_characters_max > DESCRIPTION_CHARACTERS_MOST)
		yaml_fault(reader, yaml_value(reader, node, "description_characters_max"),
			"out of range; write at most %d", DESCRIPTION_CHARACTERS_MOST);
	if (pack->required & RULE_CATEGORY && pack->category_count == 0)
		yaml_fault(reader, yaml_value(reader, node, "fields"),
			"category is required but there are no categories; list them or require it no more");
	if (pack->required & RULE_KIND && pack->kind_count == 0)
		yaml_fault(reader, yaml_value(reader, node, "fields"),
			"kind is required but there are no kinds; list them or require it no more");
	if (pack->research_kind != NULL && !holds_code(pack->kinds, pack->kind_count, pack->research_kind))
		yaml_fault(reader, yaml_value(reader, node, "research_kind"),
			"\"%s\" is none of the kinds; write the code of one", pack->research_kind);
	if (pack->phase_by_applied_on && !(pack->required & RULE_APPLIED_ON))
		yaml_fault(reader, yaml_value(reader, node, "phase_by"),
			"phases by applied_on need the date; add applied_on to the required fields");
	bool needs_id = pack->required & RULE_NATIONAL_ID;
	if (needs_id != (pack->person_key == PERSON_BY_NATIONAL_ID))
		yaml_fault(reader, yaml_value(reader, node, "person_key"),
			"a person is the national_id where it is required, else the phone; write \"%s\"",
			needs_id ? "national_id" : "phone");
}

void rule_pack_read(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	static const struct yaml_field FIELDS[] = {
		{"version", yaml_read_u32, offsetof(struct rule_pack, version), true},
		{"holds_from", yaml_read_instant, offsetof(struct rule_pack, holds_from), true},
		{"description_characters_max", yaml_read_u32, offsetof(struct rule_pack, description_characters_max),
			true},
		{"fields", read_fields, 0, false},
		{"blocks", read_blocks, 0, false},
		{"categories", read_categories, 0, false},
		{"kinds", read_kinds, 0, false},
		{"research_kind", yaml_read_code, offsetof(struct rule_pack, research_kind), false},
		{"applied_window", read_window, offsetof(struct rule_pack, applied_window), false},
		{"recognized_window", read_window, offsetof(struct rule_pack, recognized_window), false},
		{"phase_by", read_phase_by, offsetof(struct rule_pack, phase_by_applied_on), false},
		{"phases", read_phases, 0, false},
		{"person_key", read_person_key, offsetof(struct rule_pack, person_key), true},
		{"duplicates", read_duplicates, 0, true},
		{"lead_author_only", yaml_read_bool, offsetof(struct rule_pack, lead_author_only), false},
		{"refuse_ip_protected", yaml_read_bool, offsetof(struct rule_pack, refuse_ip_protected), false},
		{"rate_limit", read_rate_limit, 0, false},
		{"target", yaml_read_u64, offsetof(struct rule_pack, target), false},
		{"support", bilingual_read, offsetof(struct rule_pack, support), false},
	};
	struct rule_pack *pack = target;
	size_t faults = reader->fault_count;

	pack->lead_author_only = true;
	pack->refuse_ip_protected = true;
	pack->person_limit = PERSON_LIMIT_STANDARD;
	pack->weighting = CAMPAIGN_WEIGHTING_DEFAULT;
	pack->person_window_s = PERSON_WINDOW_STANDARD_S;
	pack->support = (struct bilingual){"", ""};
	yaml_read_mapping(reader, node, FIELDS, ARRAY_LENGTH(FIELDS), pack);
	if (pack->block_count == 0)
		set_standard_blocks(reader, node, pack);
	if (!pack->recognized_window.is_set)
		pack->recognized_window = pack->applied_window;
	/* A campaign that lists categories requires one (contract). */
	if (pack->category_count > 0)
		pack->required |= RULE_CATEGORY;
	pack->offered |= pack->required;
	if (faults == reader->fault_count)
		check_agreement(reader, node, pack);
}
