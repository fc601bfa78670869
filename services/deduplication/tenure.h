/* The tenure of an index owner (law 3), from the claim of its shard until somebody else has claimed it:
 *
 *   claiming → resuming → (relearning) → rebuilding → whole → superseded, which any stage after the claim may become
 *
 * - Its epoch is raised and committed before anything is read. A verdict of an epoch before is then either among what
 *   is read, or refused by quota (services/quota/fence.h); no copy is missed in between.
 * - Nothing is answered before the index is whole, nor from when a text has overtaken others until the epoch is raised
 *   for it.
 * - Each second it asks whether the shard is still its own. Who is superseded stays so and leaves. A failure to ask is
 *   no answer: quota's fence holds meanwhile.
 * - It raises from its own epoch alone: who was superseded must not take the shard back with an index that has missed
 *   what came since. The statement that raises names that epoch, since only PostgreSQL can compare and raise in one.
 *
 * No I/O: what PostgreSQL said and when are arguments; epoch.c and rebuild.c ask, index_role.c goes round. */
#ifndef SANGKIEN_DEDUPLICATION_TENURE_H
#define SANGKIEN_DEDUPLICATION_TENURE_H

#include "common/runtime/base.h"

enum { TENURE_CHECK_EVERY_MS = 1000, TENURE_RETRY_MS = 200 };

enum tenure_stage {
	TENURE_CLAIMING,   /* raises the epoch */
	TENURE_RESUMING,   /* takes up the newest snapshot (learning shard) */
	TENURE_RELEARNING, /* and the texts that came after it; where it does not learn this is passed over */
	TENURE_REBUILDING, /* from the stored signatures */
	TENURE_WHOLE,
	TENURE_SUPERSEDED, /* somebody else has raised the epoch since: this process has nothing to say any more */
};

/* What is to be done now; the event that follows it stands behind. */
enum tenure_action {
	TENURE_REST,
	TENURE_CLAIM,   /* tenure_claimed() */
	TENURE_RESUME,  /* tenure_read() */
	TENURE_RELEARN, /* a page of it; tenure_read() after the last */
	TENURE_REBUILD, /* a page of it; tenure_read() after the last */
	TENURE_CHECK,   /* tenure_told() */
	TENURE_LEAVE,   /* for good */
};

struct tenure {
	enum tenure_stage stage;
	bool learns;
	bool overtaken; /* a text has overtaken others, and the epoch is not raised yet */
	uint64_t epoch; /* 0: none is claimed */
	int64_t checked_ms, next_step_ms;
};

void tenure_init(struct tenure *tenure, bool learns);
enum tenure_action tenure_next(const struct tenure *tenure, int64_t now_ms) MUST_CHECK;

void tenure_claimed(struct tenure *tenure, uint64_t epoch, int64_t now_ms);
/* All there is to read in this stage has been read. */
void tenure_read(struct tenure *tenure);
/* Nothing is known of what came of the action: it is done again, in a while. */
void tenure_failed(struct tenure *tenure, enum tenure_action action, int64_t now_ms);
/* The epoch that the shard has; 0: none. False: it is not ours any more. */
bool tenure_told(struct tenure *tenure, uint64_t epoch, int64_t now_ms) MUST_CHECK;

/* The index has shown a text to those that came before it. */
void tenure_overtook(struct tenure *tenure);
/* Before anything is answered. */
static inline bool tenure_must_raise(const struct tenure *tenure)
{
	return tenure->overtaken;
}
/* What raising from our epoch gave; 0: nothing, since the shard had another one. False: it is not ours any more. */
bool tenure_raised(struct tenure *tenure, uint64_t epoch) MUST_CHECK;

/* It shows in another way that somebody else has the shard. */
void tenure_supersede(struct tenure *tenure);

static inline bool tenure_is_whole(const struct tenure *tenure)
{
	return tenure->stage == TENURE_WHOLE;
}

#endif
