#include "services/deduplication/settings.h"

#include "services/deduplication/sketch.h"

#include <stdio.h>
#include <string.h>

#define AT(member) offsetof(struct deduplication_settings, member)

const struct config_field DEDUPLICATION_FIELDS[] = {
	SERVICE_CONFIG_FIELDS(struct deduplication_settings, service),
	{"DEDUPLICATION_ROLE", CONFIG_TEXT, AT(role), NULL, "sign (any number) or index (one a shard)", 0, 0},
	{"SANGKIEN_PG", CONFIG_TEXT, AT(pg), NULL, "PostgreSQL, as libpq reads it", 0, 0},
	{"SANGKIEN_KEYS", CONFIG_TEXT, AT(keys), NULL, "directory of the keys", 0, 0},
	{"DEDUPLICATION_SHARDS", CONFIG_U32, AT(shards), "1", "shards of the index, the same everywhere", 1,
		SHARDS_MAX},
	{"DEDUPLICATION_UPSTREAM", CONFIG_TEXT, AT(upstream), "", "sign: where the validations hand out, a list", 0, 0},
	{"DEDUPLICATION_EDGE", CONFIG_TEXT, AT(edge), "", "sign: endpoint it hands out at, to quota", 0, 0},
	{"DEDUPLICATION_ASK", CONFIG_TEXT, AT(ask), "", "sign: endpoint it asks the index owners at", 0, 0},
	{"DEDUPLICATION_QUESTIONS", CONFIG_TEXT, AT(questions), "",
		"sign: where the intakes hand out what people ask, a list; \"\": nobody may", 0, 0},
	{"DEDUPLICATION_WINDOW", CONFIG_U32, AT(window), "4096",
		"sign: most submissions under way, until quota has them", 16, 262144},
	{"DEDUPLICATION_CREDIT", CONFIG_U32, AT(credit), "4", "sign: batches at once from each validation", 1, 1000},
	{"DEDUPLICATION_TEXTS", CONFIG_U32, AT(cached_texts), "4096",
		"sign: texts whose shingles are kept, about 3 KB each", 16, 1048576},
	{"DEDUPLICATION_LEASE_MS", CONFIG_U32, AT(lease_ms), "10000", "sign: how long a batch may be held by others",
		100, 600000},
	{"DEDUPLICATION_ATTEMPTS", CONFIG_U32, AT(attempts), "5",
		"sign: how often a verdict is handed out before it is quarantined", 1, 1000},
	{"DEDUPLICATION_HOLD_MS", CONFIG_U32, AT(hold_ms), "5000",
		"sign: how long a batch waits for an index owner or PostgreSQL before it goes back", 100, 60000},
	{"DEDUPLICATION_ASKERS", CONFIG_TEXT, AT(askers), "", "index: where the signers ask, a list", 0, 0},
	{"DEDUPLICATION_SHARD", CONFIG_U32, AT(shard), "0", "index: the shard it owns, from 0", 0, SHARDS_MAX - 1},
	{"DEDUPLICATION_ASKER_CREDIT", CONFIG_U32, AT(asker_credit), "8", "index: batches at once from each signer", 1,
		1000},
};
const size_t DEDUPLICATION_FIELD_COUNT = ARRAY_LENGTH(DEDUPLICATION_FIELDS);

static bool complain(const char *what)
{
	fprintf(stderr, "deduplication: %s\n", what);
	return false;
}

bool settings_check(const struct deduplication_settings *settings, enum deduplication_role *role)
{
	if (strcmp(settings->role, "sign") == 0) {
		*role = ROLE_SIGN;
		if (settings->upstream[0] == '\0' || settings->edge[0] == '\0' || settings->ask[0] == '\0')
			return complain(
				"DEDUPLICATION_UPSTREAM, DEDUPLICATION_EDGE and DEDUPLICATION_ASK must be given "
				"for the role sign");
		return true;
	}
	if (strcmp(settings->role, "index") != 0)
		return complain("DEDUPLICATION_ROLE must be sign or index");
	*role = ROLE_INDEX;
	if (settings->askers[0] == '\0')
		return complain("DEDUPLICATION_ASKERS must be given for the role index");
	if (settings->shard >= settings->shards)
		return complain("DEDUPLICATION_SHARD must be below DEDUPLICATION_SHARDS");
	return true;
}
