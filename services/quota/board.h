/* What a committed transaction tells a campaign's board. */
#ifndef SANGKIEN_QUOTA_BOARD_H
#define SANGKIEN_QUOTA_BOARD_H

#include "common/runtime/base.h"

/* A row as it stands after the transaction: absolute values, never differences (law 5). */
struct board_row {
	uint32_t unit, parent, phase; /* parent 0: the root */
	int64_t entered, counted, people, awarded;
};

struct board_news {
	uint32_t campaign;
	int64_t version;              /* of the board; one more with every transaction */
	const struct board_row *rows; /* ordered by parent and phase */
	size_t count;
};

#endif
