/* Watches over the boards in Redis and rebuilds from PostgreSQL those that need it (board_versions.h says which).
 * Readers go on meanwhile; no half-built board is ever shown. */
#ifndef SANGKIEN_QUOTA_BOARD_KEEPER_H
#define SANGKIEN_QUOTA_BOARD_KEEPER_H

#include "common/domain/reference.h"
#include "services/quota/board_store.h"

enum { BOARD_LOOK_EVERY_MS = 500 };

struct board_keeper;

struct board_keeper_options {
	struct service *service; /* its condition "redis" is kept, and the metrics */
	struct reference_source *reference;
	const char *conninfo;
	struct board_store *store; /* the keeper's from now on */
};

struct board_keeper *board_keeper_open(const struct board_keeper_options *options) MUST_CHECK;
void board_keeper_close(struct board_keeper **keeper);

#endif
