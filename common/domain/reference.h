/* Campaigns and units as every service has them in memory: one immutable snapshot, replaced whole within two
 * seconds of a change, so that no submission is judged by half of a rule pack. */
#ifndef SANGKIEN_DOMAIN_REFERENCE_H
#define SANGKIEN_DOMAIN_REFERENCE_H

#include "common/domain/campaign.h"
#include "common/domain/unit_tree.h"
#include "common/runtime/service.h"

struct reference_round { /* R20: of emulation, within a phase */
	uint32_t number;
	int32_t first_day, last_day; /* in Vietnam, both inclusive */
};
struct reference_campaign {
	uint32_t id;           /* campaign.id */
	uint64_t tree_version; /* of `units`: raised when a unit gets another parent, or rounds change */
	struct campaign *campaign;
	struct unit_tree *units;
	struct reference_round *rounds;
	size_t round_count;
};
/* An advisory lock of PostgreSQL. Whoever writes by units' ancestors shares it from the beginning of the transaction,
 * and runs again where the tree's version is no longer its own; whoever gives a unit another parent holds it alone. */
#define UNIT_TREE_LOCK "8461816698766517605"

struct reference { /* immutable */
	uint64_t version;
	struct reference_campaign *campaigns; /* ascending by id */
	size_t campaign_count;
};
struct reference_source; /* a thread that polls PostgreSQL twice a second and holds the newest */

/* Condition "reference" of the service's readiness is kept by it. */
struct reference_source *reference_open(struct service *service, const char *conninfo) MUST_CHECK;
void reference_close(struct reference_source **source);

/* The newest snapshot, NULL before the first. Any thread; give it back with reference_release(). */
const struct reference *reference_acquire(struct reference_source *source) MUST_CHECK;
void reference_release(struct reference_source *source, const struct reference **reference);

const struct reference_campaign *reference_by_code(
	const struct reference *reference, const char *code); /* NULL: none */
const struct reference_campaign *reference_by_id(const struct reference *reference, uint32_t id);

#endif
