/* The questions of one batch, and the order in which a shard is asked them (law 3). No I/O. */
#ifndef SANGKIEN_DEDUPLICATION_INDEX_BATCH_H
#define SANGKIEN_DEDUPLICATION_INDEX_BATCH_H

#include "common/runtime/base.h"
#include "services/deduplication/index.h"

struct index_asked {
	struct index_question question;
	struct bytes folded; /* to be learnt where it is posted; empty: nothing is */
	bool readable;       /* false: passed over */
	struct index_answer answer;
	enum index_fault fault;
	bool to_be_learnt; /* it has been posted; the caller's to take back */
};

/* First: who overtakes comes to stand. True: one does that did not before, so the epoch must be raised before anything
 * is answered. A verdict on a text that did not see it is refused from then on. */
bool index_batch_overtake(struct text_index *index, struct index_asked *asked, size_t count) MUST_CHECK;
/* Then all are asked, those that overtake too: the first of two in one batch has not seen the second until now, and
 * neither would name the other. */
void index_batch_ask(struct text_index *index, struct index_asked *asked, size_t count);

#endif
