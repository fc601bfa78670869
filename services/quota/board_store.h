/* One connection to the boards in Redis. Belongs to one thread. False anywhere: Redis is away or refused it; nothing
 * is known of what was done, and the boards' versions will tell. */
#ifndef SANGKIEN_QUOTA_BOARD_STORE_H
#define SANGKIEN_QUOTA_BOARD_STORE_H

#include "services/quota/board.h"
#include "services/quota/board_scripts.h"
#include "services/quota/board_versions.h"

struct board_store;

/* `password_file` NULL: Redis asks for none. */
struct board_store *board_store_open(
	const char *address, const char *user, const char *password_file, uint32_t timeout_ms) MUST_CHECK;
void board_store_close(struct board_store **store);
bool board_store_ready(struct board_store *store) MUST_CHECK;

/* All news in one pipeline. */
bool board_store_apply(struct board_store *store, const struct board_news *news, size_t count) MUST_CHECK;

bool board_store_state(struct board_store *store, uint32_t campaign, struct board_state *state) MUST_CHECK;
bool board_store_drop(struct board_store *store, uint32_t campaign) MUST_CHECK;

/* Keys of another type than ours, which nobody but a stranger makes, are deleted: the board is rebuilt like one that is
 * not there. `mended`: how many. */
bool board_store_mend(struct board_store *store, uint32_t campaign, int64_t *mended) MUST_CHECK;

/* A row as readers are given it. `parent` and `phase` are those asked for. */
struct board_stored {
	bool readable; /* else it is none of ours */
	int64_t version;
	struct board_row row;
};
/* Every row of the children of `parent` in that phase. */
bool board_store_read(struct board_store *store, uint32_t campaign, int64_t generation, uint32_t parent, uint32_t phase,
	void (*take)(const struct board_stored *stored, void *context), void *context) MUST_CHECK;

/* These rows go when their generation does, also where a stranger has made their key. */
void board_store_own(struct board_store *store, uint32_t campaign, int64_t generation, uint32_t parent, uint32_t phase);

/* A rebuild: one at a time for a campaign, whoever holds it. */
struct board_rebuild {
	uint32_t campaign;
	int64_t generation;
	char token[33];
};
/* False also where another one is at it. */
bool board_store_begin(struct board_store *store, uint32_t campaign, struct board_rebuild *rebuild) MUST_CHECK;
/* Rows of the snapshot, which has `version`; ordered by parent and phase. */
bool board_store_load(
	struct board_store *store, const struct board_rebuild *rebuild, const struct board_news *rows) MUST_CHECK;
/* `applied`: where the new board stands then; negative: it was not taken (see BOARD_SWITCH). */
bool board_store_switch(struct board_store *store, const struct board_rebuild *rebuild, int64_t version, uint64_t tree,
	int64_t *applied) MUST_CHECK;
/* Gives up a rebuild whose holder died, and deletes what is not in use any more. */
void board_store_sweep(struct board_store *store, uint32_t campaign);
/* Ends it, whatever became of it: what is not in use any more is deleted. */
void board_store_end(struct board_store *store, const struct board_rebuild *rebuild);

#endif
