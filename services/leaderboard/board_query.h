/* What is asked of a board, parsed and in one form, so that it can be compared byte by byte. Pure. */
#ifndef SANGKIEN_LEADERBOARD_BOARD_QUERY_H
#define SANGKIEN_LEADERBOARD_BOARD_QUERY_H

#include "common/domain/reference.h"
#include "services/leaderboard/ranking.h"

enum { BOARD_ROWS_MAX = 1000, BOARD_AROUND_ROWS = 11 };

struct board_query { /* no padding: memcmp is equality */
	uint32_t campaign;
	uint32_t metric; /* enum board_metric */
	uint32_t phase;  /* 0: all */
	uint32_t parent; /* unit */
	uint32_t around; /* unit, 0: none */
	uint32_t limit;  /* 1…BOARD_ROWS_MAX */
};
_Static_assert(sizeof(struct board_query) == 6 * sizeof(uint32_t), "compared byte by byte");

struct board_parameters { /* as in the URL; NULL: not given */
	const char *metric, *phase, *parent, *limit, *around;
};
struct query_fault {
	const char *field;
	const char *code; /* "invalid" or "unknown_unit" */
};

/* `now` decides which version of the rules says what phases there are. */
bool board_query_parse(const struct reference_campaign *campaign, const struct board_parameters *parameters,
	int64_t now, struct board_query *query, struct query_fault *fault) MUST_CHECK;
/* The whole campaign's own board: all defaults. */
struct board_query board_query_standard(const struct reference_campaign *campaign);
bool board_query_equal(const struct board_query *a, const struct board_query *b);

#endif
