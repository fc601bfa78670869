/* A machine's verdict as it arrives, checked and completed by the campaign's rules. Pure: no I/O. */
#ifndef SANGKIEN_QUOTA_VERDICT_H
#define SANGKIEN_QUOTA_VERDICT_H

#include "common/domain/reference.h"
#include "common/runtime/arena.h"
#include "services/quota/decision.h"

enum {
	DIGEST_SIZE = 16,
	SKETCH_BYTES_MAX = 4096,
	VERDICT_SHARDS_MAX = 1024,
};

struct shard_epoch {
	uint32_t shard;
	uint64_t epoch;
};

struct resemblance {
	struct id128 id;
	double score;
};

enum verdict_fate {
	FATE_OPEN,         /* not yet judged in this attempt */
	FATE_DECIDED,      /* the decision stands, made now or before */
	FATE_NOT_NOW,      /* stale epoch, or an original that does not stand: to be dispatched again */
	FATE_REFUSED,      /* the database refuses this very verdict: poison */
	FATE_ANOTHER_TIME, /* the bound of retries is reached: to be handed out again later */
};

/* Texts are borrowed from the message's arena. */
struct verdict {
	struct id128 id, person;
	uint32_t campaign, unit, rules_version, phase;
	int64_t received_at;
	enum submission_status status; /* as the machine found it */
	struct bytes reasons;
	bool has_duplicate_of;
	struct id128 duplicate_of;
	double score;
	const struct resemblance *candidates; /* under review: what it resembles, the most alike first */
	size_t candidate_count;
	struct bytes digest, sketch;      /* empty where the text was not signed */
	bool is_covered;                  /* another text stands for it in the index */
	uint32_t near_scope, exact_scope; /* units that bound near and exact copies; 0: the nation */
	uint32_t snapshot;
	const struct shard_epoch *consulted;
	size_t consulted_count;
	const struct unit_tree *units;
	uint32_t delivery, item; /* of the batch: where it came from */

	enum verdict_fate fate;
	bool is_fenced;           /* with FATE_NOT_NOW: it comes from an index of a passed epoch */
	struct decision decision; /* with FATE_DECIDED */
	bool is_plain_copy;       /* stands behind who holds the place of its very text */
};

enum verdict_fault {
	VERDICT_FINE,
	VERDICT_MALFORMED, /* never: poison */
	VERDICT_UNKNOWN,   /* a campaign, unit or rules version that our reference data does not have (yet) */
	VERDICT_TOO_MUCH,  /* the arena is full */
};

/* `why` is a short text for the rejection. */
enum verdict_fault verdict_read(struct bytes body, const struct reference *reference, struct arena *arena,
	struct verdict *verdict, const char **why) MUST_CHECK;

static inline bool verdict_is_signed(const struct verdict *verdict)
{
	return verdict->digest.size == DIGEST_SIZE;
}

#endif
