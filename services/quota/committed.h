/* What a station has committed, on its way over the boards and back to who answers: first in every letter that the
 * board writer takes. */
#ifndef SANGKIEN_QUOTA_COMMITTED_H
#define SANGKIEN_QUOTA_COMMITTED_H

#include "common/runtime/mailbox.h"
#include "services/quota/ledger.h"

struct committed {
	struct ledger_result result;
	struct mailbox *answers; /* where the letter goes then; with room for all there are */
};

#endif
