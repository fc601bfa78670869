/* One state of campaigns and units in memory, and how it is read. Used by reference.c alone. */
#ifndef SANGKIEN_DOMAIN_REFERENCE_SNAPSHOT_H
#define SANGKIEN_DOMAIN_REFERENCE_SNAPSHOT_H

#include "common/domain/reference.h"
#include "common/runtime/pg.h"

#include <stdatomic.h>

struct held_campaign;

struct snapshot {
	struct reference reference; /* first: what the public pointer points at */
	atomic_uint holders;
	struct held_campaign **held; /* of the campaigns, in their order */
};

/* Reads the version alone; false: PostgreSQL failed. */
bool reference_version_read(struct pg *pg, uint64_t *version) MUST_CHECK;
/* Reads everything in one transaction; one hold is the caller's. NULL: PostgreSQL or memory failed. A faulty campaign
 * is said in the log and taken over from `before` (may be NULL) as it last was. */
struct snapshot *snapshot_load(struct pg *pg, struct snapshot *before) MUST_CHECK;
void snapshot_release(struct snapshot *snapshot); /* tolerates NULL */

#endif
