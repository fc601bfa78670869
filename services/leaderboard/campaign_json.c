#include "services/leaderboard/campaign_json.h"

#include "common/runtime/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The form's fields (contract, "Submitting"). `rule` is the bit by which a campaign requires or offers it; 0: every
 * campaign has it. */
struct form_field {
	const char *name, *type;
	bool required;
	uint32_t rule, max; /* max 0: none; of the description the campaign's */
};
static const struct form_field FORM[] = {
	{"full_name", "string", true, 0, 100},
	{"phone", "string", true, 0, 0},
	{"national_id", "string", false, RULE_NATIONAL_ID, 12},
	{"unit", "string", true, 0, 0},
	{"block", "string", true, 0, 0},
	{"category", "string", false, RULE_CATEGORY, 0},
	{"kind", "string", false, RULE_KIND, 0},
	{"title", "string", false, RULE_TITLE, 200},
	{"description", "string", true, 0, 0},
	{"applied_on", "date", false, RULE_APPLIED_ON, 0},
	{"recognized_on", "date", false, RULE_RECOGNIZED_ON, 0},
	{"recognized_by", "string", false, RULE_RECOGNIZED_BY, 200},
	{"benefit_vnd", "integer", false, 0, 0},
	{"benefit_social", "string", false, 0, 1000},
	{"evidence_url", "string", false, RULE_EVIDENCE_URL, 500},
	{"attachments", "array", false, 0, 5},
	{"ip_protected", "boolean", false, 0, 0},
	{"authors", "integer", false, 0, 20},
	{"lead_author", "boolean", false, 0, 0},
	{"accepted_on", "date", false, RULE_ACCEPTED_ON, 0},
};

static void add_text(struct buffer *json, const char *name, const char *text)
{
	buffer_format(json, "\"%s\":", name);
	buffer_json_text(json, text);
}

static void add_name(struct buffer *json, const struct bilingual *name, bool english)
{
	add_text(json, "name", english ? name->en : name->vi);
}

static void add_instant(struct buffer *json, const char *name, int64_t instant)
{
	char text[CLOCK_TEXT_SIZE];
	clock_format_instant(instant, text);
	buffer_format(json, "\"%s\":\"%s\"", name, text);
}

static void add_head(struct buffer *json, const struct campaign *campaign, int64_t now, bool english)
{
	buffer_text(json, "{");
	add_text(json, "code", campaign->code);
	buffer_text(json, ",");
	add_name(json, &campaign->name, english);
	buffer_text(json, ",");
	add_instant(json, "opens_at", campaign->opens_at);
	buffer_text(json, ",");
	add_instant(json, "closes_at", campaign->closes_at);
	buffer_format(json, ",\"open\":%s", campaign_is_open(campaign, now) ? "true" : "false");
}

static int compare_codes(const void *left, const void *right)
{
	const struct reference_campaign *const *a = left, *const *b = right;
	return strcmp((*a)->campaign->code, (*b)->campaign->code);
}

void campaigns_json(const struct reference *reference, int64_t now, bool english, struct buffer *json)
{
	size_t count = reference->campaign_count;
	const struct reference_campaign **sorted = calloc(count + 1, sizeof(struct reference_campaign *));
	json->failed |= sorted == NULL;
	for (size_t i = 0; sorted && i < count; i++)
		sorted[i] = &reference->campaigns[i];
	if (sorted && count > 1)
		qsort(sorted, count, sizeof(struct reference_campaign *), compare_codes);
	buffer_text(json, "{\"campaigns\":[");
	for (size_t i = 0; sorted && i < count; i++) {
		if (i > 0)
			buffer_text(json, ",");
		add_head(json, sorted[i]->campaign, now, english);
		buffer_text(json, "}");
	}
	buffer_text(json, "]}\n");
	free(sorted);
}

static void add_field(struct buffer *json, const struct form_field *field, const struct rule_pack *rules)
{
	bool required = field->required || (rules->required & field->rule) != 0;
	uint32_t max = field->rule == 0 && strcmp(field->name, "description") == 0 ? rules->description_characters_max
										   : field->max;
	buffer_format(json, "{\"name\":\"%s\",\"type\":\"%s\",\"required\":%s,\"max\":", field->name, field->type,
		required ? "true" : "false");
	if (max > 0)
		buffer_format(json, "%" PRIu32 "}", max);
	else
		buffer_text(json, "null}");
}

static void add_fields(struct buffer *json, const struct rule_pack *rules)
{
	const char *comma = "";
	buffer_text(json, ",\"fields\":[");
	for (size_t i = 0; i < ARRAY_LENGTH(FORM); i++) {
		if (FORM[i].rule != 0 && ((rules->required | rules->offered) & FORM[i].rule) == 0)
			continue;
		buffer_text(json, comma);
		add_field(json, &FORM[i], rules);
		comma = ",";
	}
	buffer_text(json, "]");
}

static void add_codes(struct buffer *json, const char *name, const struct coded_name *codes, size_t count, bool english)
{
	buffer_format(json, ",\"%s\":[", name);
	for (size_t i = 0; i < count; i++) {
		buffer_text(json, i > 0 ? ",{" : "{");
		add_text(json, "code", codes[i].code);
		buffer_text(json, ",");
		add_name(json, &codes[i].name, english);
		buffer_text(json, "}");
	}
	buffer_text(json, "]");
}

/* What a form must know besides its fields, to say before it is sent what validation would. */
static void add_rules(struct buffer *json, const struct rule_pack *rules)
{
	buffer_text(json, ",\"research_kind\":");
	if (rules->research_kind != NULL)
		buffer_json_text(json, rules->research_kind);
	else
		buffer_text(json, "null");
	buffer_format(json, ",\"lead_author_only\":%s,\"refuse_ip_protected\":%s",
		rules->lead_author_only ? "true" : "false", rules->refuse_ip_protected ? "true" : "false");
}

static void add_window(struct buffer *json, const char *name, const struct day_window *window)
{
	char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE];
	if (!window->is_set) {
		buffer_format(json, ",\"%s\":null", name);
		return;
	}
	clock_format_day(window->from, from);
	clock_format_day(window->to, to);
	buffer_format(json, ",\"%s\":{\"from\":\"%s\",\"to\":\"%s\"}", name, from, to);
}

static void add_phases(struct buffer *json, const struct rule_pack *rules, bool english)
{
	buffer_text(json, ",\"phases\":[");
	for (size_t i = 0; i < rules->phase_count; i++) {
		const struct campaign_phase *phase = &rules->phases[i];
		buffer_format(json, "%s{\"number\":%" PRIu32 ",", i > 0 ? "," : "", phase->number);
		add_name(json, &phase->name, english);
		buffer_text(json, ",");
		add_instant(json, "starts_at", phase->starts_at);
		buffer_text(json, ",");
		add_instant(json, "ends_at", phase->ends_at);
		buffer_text(json, "}");
	}
	buffer_text(json, "]");
}

static void add_target(
	struct buffer *json, const struct reference_campaign *campaign, const struct targets *targets, int64_t now)
{
	struct target found[2];
	if (targets_of(targets, campaign, unit_tree_root(campaign->units), 0, now, found) > 0)
		buffer_format(json, ",\"target\":%" PRIu64, found[0].value);
	else
		buffer_text(json, ",\"target\":null");
}

void campaign_json(const struct reference_campaign *campaign, const struct targets *targets, int64_t now, bool english,
	struct bytes total, struct buffer *json)
{
	const struct rule_pack *rules = campaign_rules_at(campaign->campaign, now);
	const char *support = english ? rules->support.en : rules->support.vi;
	add_head(json, campaign->campaign, now, english);
	buffer_text(json, ",");
	add_instant(json, "server_time", now);
	buffer_format(json, ",\"rules_version\":%" PRIu32 ",\"description_characters_max\":%" PRIu32, rules->version,
		rules->description_characters_max);
	add_fields(json, rules);
	add_codes(json, "blocks", rules->blocks, rules->block_count, english);
	add_codes(json, "categories", rules->categories, rules->category_count, english);
	add_codes(json, "kinds", rules->kinds, rules->kind_count, english);
	add_rules(json, rules);
	add_window(json, "applied_window", &rules->applied_window);
	add_window(json, "recognized_window", &rules->recognized_window);
	add_phases(json, rules, english);
	add_target(json, campaign, targets, now);
	buffer_text(json, ",\"support\":");
	if (support && *support != '\0')
		buffer_json_text(json, support);
	else
		buffer_text(json, "null");
	buffer_text(json, ",\"total\":");
	buffer_add(json, total.data, total.size);
	buffer_text(json, "}\n");
}

static const char *level_name(enum unit_level level)
{
	static const char *const NAMES[] = {
		[UNIT_NATION] = "nation",
		[UNIT_TOP] = "top",
		[UNIT_UPPER] = "upper",
		[UNIT_GRASSROOTS] = "grassroots",
		[UNIT_SECTION] = "section",
	};
	return (size_t)level < ARRAY_LENGTH(NAMES) ? NAMES[level] : "section";
}

void units_json(const struct unit_tree *tree, const struct unit *const *units, size_t count, struct buffer *json)
{
	buffer_text(json, "{\"units\":[");
	for (size_t i = 0; i < count; i++) {
		const struct unit *unit = units[i], *parent = unit_by_id(tree, unit->parent);
		buffer_text(json, i > 0 ? ",{" : "{");
		add_text(json, "code", unit->code);
		buffer_text(json, ",");
		add_text(json, "name", unit->name);
		buffer_format(json, ",\"level\":\"%s\",\"parent\":", level_name(unit->level));
		if (parent)
			buffer_json_text(json, parent->code);
		else
			buffer_text(json, "null");
		buffer_format(json, ",\"accepts_submissions\":%s,\"children\":%" PRIu32 "}",
			unit->accepts_submissions ? "true" : "false", unit->children);
	}
	buffer_text(json, "]}\n");
}
