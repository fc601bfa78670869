/* What is made of a text and those that resemble it. Pure: the shards' answers and what the records say go in. */
#ifndef SANGKIEN_DEDUPLICATION_VERDICT_H
#define SANGKIEN_DEDUPLICATION_VERDICT_H

#include "common/domain/campaign.h"
#include "common/domain/status.h"
#include "services/deduplication/index.h"
#include "services/deduplication/legacy.h"

/* Where a campaign says nothing else. From `near` on a text is a duplicate; from `review` on a person looks. */
#define VERDICT_NEAR_THRESHOLD 0.72
#define VERDICT_REVIEW_THRESHOLD 0.62

/* How often a text may be asked about before it overtakes a rival that was received later and is still undecided. */
enum { VERDICT_ASKED_TOO_OFTEN = 20 };

/* A rival this much alike needs no other compared with it. */
#define VERDICT_ENOUGH 0.95

/* Rivals of one text: what all shards named, merged. */
enum { RIVALS_MAX = 16 };

/* What the records say of a rival, and of the text that is named in its place: itself while it is undecided or
 * counts, the head of its chain where it is a duplicate, one of its duplicates where it does not count any more. */
struct rival_record {
	bool known;           /* it is stored */
	bool decided;         /* the rival has a decision */
	bool original_counts; /* counted or under review */
	int64_t received_at;  /* of the rival */
	struct id128 original;
	struct id128 original_person;
	uint32_t original_near_scope, original_exact_scope;
	bool same_campaign;
};

struct rival {
	struct id128 id;
	struct sketch sketch;
	uint32_t points; /* of all shards */
	bool exact;
	uint64_t seen_in; /* shards that named it */
	struct rival_record record;
	double score; /* set by the caller for those that verdict_may_name() */
};

struct rivals {
	struct rival rival[RIVALS_MAX];
	uint32_t count;
};

/* Adds what a shard answered about the text of that sketch, but for texts that have too little in common with it in all
 * (sketch_shared_least()). Beyond RIVALS_MAX the one with the fewest points goes. */
void rivals_merge(struct rivals *rivals, const struct sketch *text, uint32_t shard, const struct index_answer *answer);
/* All shards have answered: exact ones first, then by points; those that are not worth comparing go. */
void rivals_settle(struct rivals *rivals, const struct sketch *text);

struct verdict_text {
	struct id128 id;
	int64_t received_at;
	struct id128 person;
	uint32_t near_scope, exact_scope;
	struct id128 digest;
	struct sketch sketch;
	enum legacy_encoding legacy; /* it was typed in */
	uint32_t asked;              /* 1: the first time */
	bool overtakes;              /* every shard has it before those received later */
};

/* May the rival's text be the original of this one? Which came first is what all shards say that hold a key of both;
 * where they disagree, each of the two has seen the other, and the one received earlier is the original. For a text
 * that overtakes, an undecided rival must have been received earlier whatever the shards say, so that no circle of
 * texts can wait for one another. */
bool verdict_may_name(const struct shard_map *map, const struct verdict_text *text, const struct rival *rival);

/* A text that nobody can read as it stands is looked at by a person even where it resembles nothing, and its submitter
 * is told; where the campaign has no review it counts, and its submitter is told. */
enum { VERDICT_REASONS_MAX = 2, VERDICT_CANDIDATES_MAX = 4 };
struct resemblance {
	struct id128 id;
	double score;
};
struct verdict {
	enum submission_status status;            /* counted, under review or duplicate */
	const char *reasons[VERDICT_REASONS_MAX]; /* words of the contract */
	uint32_t reason_count;
	bool resembles;
	bool waits_for_later;      /* what it resembles is undecided and was received later */
	struct id128 duplicate_of; /* where it resembles one */
	double score;
	/* Of one under review: what it resembles, the most alike first. */
	struct resemblance candidates[VERDICT_CANDIDATES_MAX];
	uint32_t candidate_count;
};

/* What a campaign's rules say of near copies. */
struct thresholds {
	double near, review;
	struct campaign_weighting weighting;
};
struct thresholds thresholds_of(const struct rule_pack *rules);
/* The thresholds when the weights have been learnt from so many texts: with none a copy must be surer by the campaign's
 * margin, after `prior` texts by a quarter of it. */
struct thresholds thresholds_at(const struct thresholds *thresholds, uint64_t documents);
struct verdict verdict_reach(const struct shard_map *map, const struct verdict_text *text, const struct rivals *rivals,
	const struct thresholds *thresholds);

#endif
