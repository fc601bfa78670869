/* The station between the ledger and the answers: puts what was committed on the boards. A thread of its own, so that
 * neither a slow nor an absent Redis holds up the ledger; what a board misses is found by its keeper. */
#ifndef SANGKIEN_QUOTA_BOARD_WRITER_H
#define SANGKIEN_QUOTA_BOARD_WRITER_H

#include "common/runtime/mailbox.h"
#include "common/runtime/metrics.h"
#include "services/quota/board_store.h"

struct board_writer;

struct board_writer_options {
	struct board_store *store; /* the writer's from now on */
	struct mailbox *in;        /* of struct committed, or what begins with it */
	struct metric *missed;     /* transactions that did not reach Redis */
};

struct board_writer *board_writer_open(const struct board_writer_options *options) MUST_CHECK;
/* After the last batch has come out. Closes `in`. */
void board_writer_close(struct board_writer **writer);

#endif
