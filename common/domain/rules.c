#include "common/domain/rules.h"

#include "common/domain/text.h"

#include <string.h>

struct judging {
	const struct rule_pack *rules;
	const Sangkien__Message__Fields *fields;
	struct rules_verdict *verdict;
};

static void refuse(struct judging *judging, const char *code, const char *field)
{
	struct rules_verdict *verdict = judging->verdict;

	assert(verdict->count < RULES_REASONS_MAX);
	verdict->reasons[verdict->count++] = (struct rules_reason){code, field};
}

static bool is_required(const struct judging *judging, enum rule_field field)
{
	return (judging->rules->required & field) != 0;
}

static bool equals(ProtobufCBinaryData text, const char *code)
{
	return text.len == strlen(code) && memcmp(text.data, code, text.len) == 0;
}

static bool is_listed(ProtobufCBinaryData code, const struct coded_name *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (equals(code, names[i].code))
			return true;
	return false;
}

static void judge_code(struct judging *judging, enum rule_field rule, ProtobufCBinaryData code, const char *field,
	const struct coded_name *names, size_t count)
{
	if (code.len > 0 && !is_listed(code, names, count))
		refuse(judging, "invalid", field);
	else if (code.len == 0 && is_required(judging, rule))
		refuse(judging, "required", field);
}

static void judge_presence(struct judging *judging, enum rule_field rule, bool given, const char *field)
{
	if (!given && is_required(judging, rule))
		refuse(judging, "required", field);
}

static void judge_description(struct judging *judging)
{
	ProtobufCBinaryData text = judging->fields->description;
	size_t most = judging->rules->description_characters_max;

	if (text.len == 0)
		refuse(judging, "required", "description");
	/* There are never more characters than octets: most texts need no count. */
	else if (text.len > most && text_characters((struct bytes){text.data, text.len}) > most)
		refuse(judging, "too_long", "description");
}

/* R2: a block that does not take part. */
static void judge_block(struct judging *judging)
{
	const struct rule_pack *rules = judging->rules;
	const char *name = judging->fields->block <= BLOCK_PUBLIC ? block_name(judging->fields->block) : "";
	ProtobufCBinaryData code = {strlen(name), (uint8_t *)(uintptr_t)name};

	if (rules->block_count > 0 && !is_listed(code, rules->blocks, rules->block_count))
		refuse(judging, "invalid", "block");
}

static bool is_in_window(const struct day_window *window, int32_t day)
{
	return !window->is_set || (window->from <= day && day <= window->to);
}

static void judge_applied_on(struct judging *judging)
{
	judge_presence(judging, RULE_APPLIED_ON, judging->fields->has_applied_on, "applied_on");
	if (judging->fields->has_applied_on &&
		!is_in_window(&judging->rules->applied_window, judging->fields->applied_on))
		refuse(judging, "outside_window", "applied_on");
}

/* R12, R16: recognised in writing, and when. */
static void judge_recognized_on(struct judging *judging)
{
	if (!judging->fields->has_recognized_on) {
		if (is_required(judging, RULE_RECOGNIZED_ON))
			refuse(judging, "not_recognised", "recognized_on");
	} else if (!is_in_window(&judging->rules->recognized_window, judging->fields->recognized_on)) {
		refuse(judging, "outside_window", "recognized_on");
	}
}

/* R12: a research topic is accepted within the window in which it is applied. */
static void judge_accepted_on(struct judging *judging)
{
	const char *research_kind = judging->rules->research_kind;
	bool is_research = research_kind != NULL && equals(judging->fields->kind, research_kind);

	if (!judging->fields->has_accepted_on) {
		if (is_research || is_required(judging, RULE_ACCEPTED_ON))
			refuse(judging, "required", "accepted_on");
	} else if (is_research && !is_in_window(&judging->rules->applied_window, judging->fields->accepted_on)) {
		refuse(judging, "outside_window", "accepted_on");
	}
}

static void judge_declarations(struct judging *judging)
{
	const Sangkien__Message__Fields *fields = judging->fields;

	if (fields->ip_protected && judging->rules->refuse_ip_protected)
		refuse(judging, "ip_protected", "ip_protected");
	if (fields->authors > 1 && !fields->lead_author && judging->rules->lead_author_only)
		refuse(judging, "not_lead_author", "lead_author");
}

void rules_judge(const struct rule_pack *rules, const Sangkien__Message__Fields *fields, struct rules_verdict *verdict)
{
	struct judging judging = {.rules = rules, .fields = fields, .verdict = verdict};

	verdict->count = 0;
	judge_presence(&judging, RULE_NATIONAL_ID, fields->has_national_id, "national_id");
	judge_block(&judging);
	judge_code(&judging, RULE_CATEGORY, fields->category, "category", rules->categories, rules->category_count);
	judge_code(&judging, RULE_KIND, fields->kind, "kind", rules->kinds, rules->kind_count);
	judge_presence(&judging, RULE_TITLE, fields->title.len > 0, "title");
	judge_description(&judging);
	judge_applied_on(&judging);
	judge_recognized_on(&judging);
	judge_presence(&judging, RULE_RECOGNIZED_BY, fields->recognized_by.len > 0, "recognized_by");
	judge_presence(&judging, RULE_EVIDENCE_URL, fields->evidence_url.len > 0, "evidence_url");
	judge_declarations(&judging);
	judge_accepted_on(&judging);
}
