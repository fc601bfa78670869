/* The service's settings: one program in two roles. */
#ifndef SANGKIEN_DEDUPLICATION_SETTINGS_H
#define SANGKIEN_DEDUPLICATION_SETTINGS_H

#include "common/runtime/service.h"

struct deduplication_settings {
	struct service_settings service;
	char *role, *pg, *keys;
	uint32_t shards;
	/* sign */
	char *upstream, *edge, *ask, *questions;
	uint32_t window, credit, cached_texts, lease_ms, attempts, hold_ms;
	/* index */
	char *askers;
	uint32_t shard, asker_credit;
};

extern const struct config_field DEDUPLICATION_FIELDS[];
extern const size_t DEDUPLICATION_FIELD_COUNT;

enum deduplication_role { ROLE_SIGN, ROLE_INDEX };

/* What the table cannot check: which settings a role needs. On a fault one line on standard error, and false. */
bool settings_check(const struct deduplication_settings *settings, enum deduplication_role *role) MUST_CHECK;

#endif
