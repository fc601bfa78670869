/* The quick half of the audit in the background: every row that readers could be given from Redis against PostgreSQL's
 * total at the same version (law 5). A version tells that a board has missed something; only this tells that somebody
 * wrote to Redis, or that a row is wrong at a version that is right. */
#ifndef SANGKIEN_QUOTA_BOARD_AUDIT_H
#define SANGKIEN_QUOTA_BOARD_AUDIT_H

#include "common/domain/reference.h"
#include "common/runtime/pg.h"
#include "services/quota/audit.h"
#include "services/quota/board_store.h"

struct board_audit; /* a pass over one campaign's board */

/* `campaign` is borrowed until the pass is over. */
struct board_audit *board_audit_new(const struct reference_campaign *campaign) MUST_CHECK;
void board_audit_free(struct board_audit **audit);

enum board_audit_progress {
	BOARD_AUDIT_GOES_ON,
	BOARD_AUDIT_DONE,
	BOARD_AUDIT_DRIFTED, /* a row of this slice is wrong: the board is to be rebuilt */
	BOARD_AUDIT_NOT_NOW, /* a server is away, or the board is behind or being rebuilt: the same slice again */
};
/* The next slice, of some thousand rows, under one snapshot of PostgreSQL. */
enum board_audit_progress board_audit_step(struct board_audit *audit, struct board_store *store, struct pg *pg,
	const struct audit_listener *listener) MUST_CHECK;
size_t board_audit_left(const struct board_audit *audit); /* rows, about */
uint64_t board_audit_compared(const struct board_audit *audit);

#endif
