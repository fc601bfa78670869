/* What the tests of quotas share: a campaign, units from the file of deploy/units or made at random. */
#ifndef SANGKIEN_TEST_QUOTA_WORLD_H
#define SANGKIEN_TEST_QUOTA_WORLD_H

#include "common/runtime/clock.h"
#include "services/control/csv.h"
#include "services/control/quota_targets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static inline void read_file(const char *path, struct buffer *text)
{
	char piece[4096];
	FILE *file = fopen(path, "rb");

	assert_non_null(file);
	for (size_t size; (size = fread(piece, 1, sizeof(piece), file)) > 0;)
		buffer_add(text, piece, size);
	fclose(file);
}

static inline struct campaign *load_campaign(const char *code)
{
	CLEANUP(buffer_deinit) struct buffer yaml = {0}, faults = {0};
	char path[128];

	snprintf(path, sizeof(path), "deploy/campaigns/%s.yaml", code);
	read_file(path, &yaml);
	struct campaign *campaign = campaign_parse(path, buffer_bytes(&yaml), &faults);
	assert_non_null(campaign);
	return campaign;
}

/* The tree of deploy/units/national.csv; a unit's id is its row. */
static inline struct unit_tree *load_units(void)
{
	static const char *const COLUMNS[] = {"code", "name", "level", "parent_code", "block", "accepts", NULL};
	CLEANUP(buffer_deinit) struct buffer text = {0};
	CLEANUP(csv_free) struct csv csv = {0};
	const char *fault = NULL;

	read_file("deploy/units/national.csv", &text);
	assert_true(csv_read("national.csv", buffer_bytes(&text), COLUMNS, &csv));
	struct unit_row *rows = calloc(csv.count, sizeof(*rows));
	assert_non_null(rows);
	for (size_t i = 0; i < csv.count; i++) {
		const char *const *cells = csv.rows[i].cells;
		/* A parent stands before its children, mostly not far. */
		uint32_t parent = 0;
		for (size_t k = i; k-- > 0 && parent == 0 && cells[3][0] != '\0';)
			if (strcmp(csv.rows[k].cells[0], cells[3]) == 0)
				parent = (uint32_t)k + 1;
		rows[i] = (struct unit_row){.id = (uint32_t)i + 1,
			.parent = parent,
			.code = cells[0],
			.name = cells[1],
			.level = (enum unit_level)(cells[2][0] - '0'),
			.block = BLOCK_NONE,
			.accepts_submissions = cells[5][0] == '1'};
		if (cells[4][0] != '\0')
			assert_true(block_parse(cells[4], &rows[i].block));
	}
	struct unit_tree *tree = unit_tree_new(rows, csv.count, &fault);
	free(rows);
	assert_non_null(tree);
	return tree;
}

static inline struct quota_plan *load_plan(
	const char *code, const struct campaign *campaign, const struct unit_tree *tree, struct buffer *notes)
{
	CLEANUP(buffer_deinit) struct buffer yaml = {0}, faults = {0};
	char path[128];

	snprintf(path, sizeof(path), "deploy/campaigns/%s.quotas.yaml", code);
	read_file(path, &yaml);
	struct quota_plan *plan = quota_plan_parse("plan.yaml", buffer_bytes(&yaml), campaign, tree, &faults, notes);
	if (plan == NULL)
		print_error("%.*s", (int)faults.size, (const char *)faults.data);
	assert_non_null(plan);
	return plan;
}

static inline struct quota_plan *plan_of(const char *yaml, const struct campaign *campaign,
	const struct unit_tree *tree, struct buffer *faults, struct buffer *notes)
{
	return quota_plan_parse(
		"plan.yaml", (struct bytes){(const uint8_t *)yaml, strlen(yaml)}, campaign, tree, faults, notes);
}

static inline int32_t day_of(const char *text)
{
	int32_t day;

	assert_true(clock_parse_day(text, &day));
	return day;
}

static inline const struct quota_target *find_target(
	const struct quota_targets *targets, uint32_t unit, uint32_t period, enum quota_counts counts)
{
	for (size_t i = 0; i < targets->count; i++) {
		const struct quota_target *row = &targets->rows[i];
		if (row->unit == unit && row->period == period && row->counts == counts)
			return row;
	}
	return NULL;
}

#endif
