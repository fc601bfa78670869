/* The shape of a quota plan's file. Used by quota_plan_parse() alone. */
#ifndef SANGKIEN_CONTROL_QUOTA_PLAN_FILE_H
#define SANGKIEN_CONTROL_QUOTA_PLAN_FILE_H

#include "common/domain/yaml_reader.h"
#include "services/control/quota_plan.h"

struct quota_amount {
	uint32_t period;
	enum quota_counts counts;
	enum quota_form form;
	uint64_t value;
	uint32_t line;
};
/* A rule as written: of `unit`, or of every unit that fits the group. */
struct quota_rule {
	yaml_node_t *node;
	uint32_t unit; /* 0: of a group */
	bool is_group;
	uint32_t below; /* the group's units stand below it */
	bool has_level, has_block;
	enum unit_level level;
	enum submission_block block;
	uint32_t *except;
	size_t except_count;
	uint32_t expect; /* how many units the document says they are; 0: it does not */
	struct quota_amount *amounts;
	size_t amount_count;
};

struct quota_reader {
	struct yaml_reader yaml; /* first: what the functions of a field get */
	const struct campaign *campaign;
	const struct unit_tree *tree;
	struct quota_plan *plan; /* its periods and rounds are filled */
	yaml_node_t *quotas;
	struct quota_rule *rules;
	size_t rule_count;
};

/* The reader of a field's function, which knows it as its first member. */
static inline struct quota_reader *quota_reader_of(struct yaml_reader *reader)
{
	return (struct quota_reader *)reader;
}

/* Periods (quota_plan_periods.c): the whole and the phases of the campaign, then the rounds of the file. */
void quota_periods_find(struct quota_reader *reader);
void quota_rounds_read(struct yaml_reader *reader, yaml_node_t *node, void *plan);
const struct quota_period *quota_period_find(const struct quota_plan *plan, const char *name); /* NULL: none */
void quota_period_say_unknown(struct yaml_reader *reader, const yaml_node_t *key, const char *name);

/* Reads the document; every fault is said. */
void quota_plan_file_read(struct quota_reader *reader);

#endif
