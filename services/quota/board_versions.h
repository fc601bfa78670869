/* What quota makes of a board's versions (law 5): which board in Redis has to be rebuilt from PostgreSQL, why, and how
 * long each has not been at PostgreSQL's version. A gap closes by itself while news are on their way, so a board that
 * moves is left alone; one that stands still behind PostgreSQL has lost a transaction's news for good.
 *
 * No I/O: what Redis and PostgreSQL said and when are arguments, board_keeper.c asks and does. Whether a row is newer
 * than the one that stands, and which versions are in without a gap, is decided in Redis by its scripts
 * (board_scripts.h), where reading and writing are one moment for every instance. */
#ifndef SANGKIEN_QUOTA_BOARD_VERSIONS_H
#define SANGKIEN_QUOTA_BOARD_VERSIONS_H

#include "common/runtime/base.h"

enum {
	BOARD_GAP_MS = 2000, /* that stays this long will not close by itself */
	BOARD_CAMPAIGNS_MAX = 1024,
};

/* What Redis has of a campaign. */
struct board_state {
	bool exists, building;
	int64_t applied, generation; /* where it exists */
	uint64_t tree;               /* version of the unit tree it was built for */
};

/* What PostgreSQL has. */
struct board_newest {
	int64_t version;
	uint64_t tree;
};

enum board_care {
	BOARD_LEAVE,
	BOARD_MAKE,      /* there is none: new, emptied, lost */
	BOARD_REPLACE,   /* it is ahead of PostgreSQL, so of another history: it has to go before it can be rebuilt */
	BOARD_CLOSE_GAP, /* it stood still behind PostgreSQL: crash between commit and board */
	BOARD_REPLANT,   /* units have moved since */
	BOARD_TIDY,      /* nothing but a rebuild that somebody began, and may have left */
};

/* One a keeper; begins as {0}. */
struct board_versions {
	struct board_course {
		uint32_t campaign;
		int64_t applied, since_ms; /* as it was when it last moved */
		int64_t current_ms;        /* when it was last seen at PostgreSQL's version */
	} courses[BOARD_CAMPAIGNS_MAX];
	size_t count;
};

/* `state` was read before `newest`, which only grows: a board ahead of it is no board of this database. A campaign
 * beyond the most that are watched is rebuilt for every cause but a gap. */
enum board_care board_versions_look(struct board_versions *versions, uint32_t campaign, const struct board_state *state,
	const struct board_newest *newest, int64_t now_ms) MUST_CHECK;

/* Of the board that has not been current for longest. */
int64_t board_versions_age_ms(const struct board_versions *versions, int64_t now_ms);

#endif
