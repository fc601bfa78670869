#include "common/domain/campaign.h"

#include "common/domain/campaign_file.h"
#include "common/domain/unit_tree.h"
#include "common/runtime/clock.h"

#include <stdlib.h>

enum { CAMPAIGN_BYTES_MAX = 4 << 20 };

/* What campaign_free() finds behind the public part. */
struct owned_campaign {
	struct campaign campaign; /* first */
	struct arena *arena;
};

static void read_document(struct yaml_reader *reader, struct bytes yaml, struct campaign *campaign)
{
	if (!yaml_reader_open(reader, yaml))
		return;
	campaign_file_read(reader, yaml_document_get_root_node(&reader->document), campaign);
	yaml_document_delete(&reader->document);
}

struct campaign *campaign_parse(const char *file_name, struct bytes yaml, struct buffer *faults)
{
	struct owned_campaign *owned = calloc(1, sizeof(*owned));
	struct arena *arena = arena_new(CAMPAIGN_BYTES_MAX);
	struct yaml_reader reader = {.file_name = file_name, .faults = faults, .arena = arena};

	if (owned == NULL || arena == NULL) {
		buffer_format(faults, "%s:1: out of memory; try again\n", file_name);
		free(owned);
		if (arena != NULL)
			arena_free(&arena);
		return NULL;
	}
	owned->arena = arena;
	struct campaign *campaign = &owned->campaign;
	read_document(&reader, yaml, campaign);
	if (reader.fault_count > 0)
		campaign_free(&campaign);
	return campaign;
}

void campaign_free(struct campaign **campaign)
{
	struct owned_campaign *owned = (struct owned_campaign *)*campaign;

	if (owned == NULL)
		return;
	arena_free(&owned->arena);
	free(owned);
	*campaign = NULL;
}

const struct rule_pack *campaign_rules_at(const struct campaign *campaign, int64_t received_at)
{
	size_t at = campaign->version_count - 1;

	while (at > 0 && campaign->versions[at].holds_from > received_at)
		at--;
	return &campaign->versions[at];
}

const struct rule_pack *campaign_rules_version(const struct campaign *campaign, uint32_t version)
{
	for (size_t i = 0; i < campaign->version_count; i++)
		if (campaign->versions[i].version == version)
			return &campaign->versions[i];
	return NULL;
}

bool campaign_is_open(const struct campaign *campaign, int64_t instant)
{
	return campaign->opens_at <= instant && instant < campaign->closes_at;
}

uint32_t campaign_phase_of(const struct rule_pack *rules, int64_t received_at, bool has_applied_on, int32_t applied_on)
{
	int64_t instant = received_at;

	if (rules->phase_by_applied_on) {
		if (!has_applied_on)
			return 0;
		instant = clock_vietnam_midnight(applied_on);
	}
	for (size_t i = 0; i < rules->phase_count; i++)
		if (rules->phases[i].starts_at <= instant && instant < rules->phases[i].ends_at)
			return rules->phases[i].number;
	return 0;
}

uint32_t campaign_scope_unit(enum duplicate_scope scope, const struct unit_tree *tree, uint32_t unit)
{
	switch (scope) {
	case SCOPE_NATION:
		return 0;
	case SCOPE_TOP:
		return unit_top_of(tree, unit);
	case SCOPE_UNIT:
		return unit;
	}
	assert(!"a scope is one of the three");
	return 0;
}
