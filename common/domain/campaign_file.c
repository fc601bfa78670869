#include "common/domain/campaign_file.h"

enum { VERSIONS_MAX = 100 };

/* The versions in the file's order: what must hold from one to the next. */
static void check_order(struct yaml_reader *reader, yaml_node_t *list, const struct campaign *campaign)
{
	for (size_t i = 1; i < campaign->version_count; i++) {
		const struct rule_pack *before = &campaign->versions[i - 1], *pack = &campaign->versions[i];
		yaml_node_t *node = yaml_element(reader, list, i);

		if (pack->version <= before->version)
			yaml_fault(reader, yaml_value(reader, node, "version"),
				"version %u after version %u; give each a number above the one before", pack->version,
				before->version);
		if (pack->holds_from == before->holds_from)
			yaml_fault(reader, yaml_value(reader, node, "holds_from"),
				"versions %u and %u hold from the same instant; keep one or move one", before->version,
				pack->version);
		else if (pack->holds_from < before->holds_from)
			yaml_fault(reader, yaml_value(reader, node, "holds_from"),
				"version %u holds from an earlier instant than version %u before it; put them in order "
				"of "
				"time",
				pack->version, before->version);
		if (pack->person_key != before->person_key)
			yaml_fault(reader, yaml_value(reader, node, "person_key"),
				"another person_key than version %u; a campaign has one, never mixed", before->version);
	}
}

static void read_versions(struct yaml_reader *reader, yaml_node_t *node, void *target)
{
	struct campaign *campaign = target;
	size_t faults = reader->fault_count;

	campaign->versions = yaml_read_sequence(
		reader, node, sizeof(*campaign->versions), VERSIONS_MAX, rule_pack_read, &campaign->version_count);
	if (faults != reader->fault_count)
		return;
	if (campaign->version_count == 0)
		yaml_fault(reader, node, "no version of the rules; write at least one");
	check_order(reader, node, campaign);
}

void campaign_file_read(struct yaml_reader *reader, yaml_node_t *root, struct campaign *campaign)
{
	static const struct yaml_field FIELDS[] = {
		{"code", yaml_read_code, offsetof(struct campaign, code), true},
		{"name", bilingual_read, offsetof(struct campaign, name), true},
		{"opens_at", yaml_read_instant, offsetof(struct campaign, opens_at), true},
		{"closes_at", yaml_read_instant, offsetof(struct campaign, closes_at), true},
		{"versions", read_versions, 0, true},
		{"notices", notices_read, offsetof(struct campaign, notices), false},
	};

	campaign->opens_at = campaign->closes_at = INT64_MIN;
	yaml_read_mapping(reader, root, FIELDS, ARRAY_LENGTH(FIELDS), campaign);
	bool has_times = campaign->opens_at != INT64_MIN && campaign->closes_at != INT64_MIN;
	if (has_times && campaign->closes_at <= campaign->opens_at)
		yaml_fault(reader, yaml_value(reader, root, "closes_at"),
			"the campaign closes before it opens; \"closes_at\" is the first instant that is refused");
	if (reader->fault_count == 0 && campaign->versions[0].holds_from > campaign->opens_at)
		yaml_fault(reader,
			yaml_value(reader, yaml_element(reader, yaml_value(reader, root, "versions"), 0), "holds_from"),
			"no rules hold at the opening; let the first version hold from opens_at or before");
}
