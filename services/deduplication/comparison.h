/* One submission on its way through the signing role, and the fixed pool of them (law 8). */
#ifndef SANGKIEN_DEDUPLICATION_COMPARISON_H
#define SANGKIEN_DEDUPLICATION_COMPARISON_H

#include "common/domain/campaign.h"
#include "common/edge/wire.h"
#include "proto/submission.pb-c.h"
#include "services/deduplication/verdict.h"

struct gathering; /* a delivery and what is open of it: on_submission_validated.c */

enum comparison_stage {
	STAGE_FREE,
	STAGE_ASKING,    /* the shards have been asked */
	STAGE_COMPARED,  /* all have answered; waits for what PostgreSQL says of its rivals */
	STAGE_INSISTING, /* not a duplicate, so its keys must stand in every shard; then it is judged again */
	STAGE_REACHED,   /* has its verdict; waits for room in the edge to quota */
	STAGE_HANDED,    /* with quota */
	STAGE_WAITING,   /* quota could not take it: to be asked about again in a moment */
};

struct comparison {
	enum comparison_stage stage;
	struct comparison *next;     /* in its queue */
	struct gathering *gathering; /* until it is handed on; then NULL */
	bool draft;                  /* somebody asks before sending: nothing is inserted, no verdict is handed on */
	struct delivery *question;   /* of a draft, to be answered; NULL: it has been */
	int64_t since_ms;            /* of a draft */
	size_t item;                 /* of the delivery */
	bool abandoned;              /* its delivery went back: to be let go when the last answer is in */
	bool failed;                 /* a shard's answer was none */

	uint32_t campaign, unit, rules_version;
	enum duplicate_scope exact_bound, near_bound; /* of its copies */
	bool has_phase, has_applied_on;
	uint32_t phase;
	int32_t applied_on;
	const Sangkien__Message__SubmissionValidated *refused; /* borrowed from the delivery; NULL: it is valid */
	struct thresholds thresholds;
	struct verdict_text text;
	struct shingle_set *shingles; /* heap */
	uint8_t *folded;              /* heap, for the learning shard */
	size_t folded_size;

	uint64_t to_ask, awaited;     /* shards: not yet asked for want of room; asked and not answered */
	uint64_t consulted, unposted; /* shards: answered; where another text stands for it */
	uint64_t epoch[SHARDS_MAX];   /* of those consulted */
	uint32_t snapshot;            /* newest that an owner has named; then the one the verdict was weighed with */
	struct rivals rivals;
	struct verdict verdict;
	size_t trace_size;
	uint8_t trace[WIRE_TRACE_SIZE];
};

struct comparison_queue {
	struct comparison *first, *last;
};
void comparison_enqueue(struct comparison_queue *queue, struct comparison *comparison);
struct comparison *comparison_dequeue(struct comparison_queue *queue); /* NULL: empty */

struct comparison_pool;
struct comparison_pool *comparison_pool_new(uint32_t count) MUST_CHECK; /* NULL without memory */
void comparison_pool_free(struct comparison_pool **pool);
struct comparison *comparison_take(struct comparison_pool *pool) MUST_CHECK; /* emptied; NULL: all are under way */
/* Frees what it owns. Its shingles may be taken away before. */
void comparison_release(struct comparison_pool *pool, struct comparison *comparison);
uint32_t comparison_number(const struct comparison_pool *pool, const struct comparison *comparison);
struct comparison *comparison_at(struct comparison_pool *pool, uint32_t number);
uint32_t comparison_pool_size(const struct comparison_pool *pool);
uint32_t comparison_pool_used(const struct comparison_pool *pool);

#endif
