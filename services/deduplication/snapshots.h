/* Snapshots of the document frequencies in PostgreSQL: numbered, immutable, read by every signer, written by the
 * owner of the learning shard alone. */
#ifndef SANGKIEN_DEDUPLICATION_SNAPSHOTS_H
#define SANGKIEN_DEDUPLICATION_SNAPSHOTS_H

#include "common/runtime/pg.h"
#include "services/deduplication/weights.h"

/* The newest as signers use it, number 0 where there is none; kept in `*weights` (which is freed and replaced) only
 * where it is newer. False: PostgreSQL or memory failed, or the snapshot cannot be read (said in the log). */
bool snapshots_take_newest(struct pg *pg, struct weights **weights, int64_t deadline_ms) MUST_CHECK;

/* The newest as its owner goes on from; `last` as frequency_resume() gives it, all zero where there is none. */
bool snapshots_resume(struct pg *pg, struct frequency *frequency, struct id128 *last, int64_t deadline_ms) MUST_CHECK;

enum publication {
	PUBLISHED,
	PUBLISH_LATER,      /* PostgreSQL is away */
	PUBLISHED_BY_OTHER, /* there is another one of that number: somebody else owns the shard */
};
enum publication snapshots_publish(struct pg *pg, struct frequency *frequency, int64_t deadline_ms) MUST_CHECK;

#endif
