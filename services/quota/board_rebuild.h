/* One board anew from one moment of PostgreSQL, under a generation of its own that readers see when it is whole. */
#ifndef SANGKIEN_QUOTA_BOARD_REBUILD_H
#define SANGKIEN_QUOTA_BOARD_REBUILD_H

#include "common/domain/reference.h"
#include "common/runtime/pg.h"
#include "services/quota/board_store.h"

/* `version`: where the new board stands. False: not now (somebody else is at it, a server went away, or the board that
 * stands is newer); nothing has changed for readers. */
bool board_rebuild(struct board_store *store, struct pg *pg, const struct reference_campaign *campaign,
	int64_t *version) MUST_CHECK;

#endif
