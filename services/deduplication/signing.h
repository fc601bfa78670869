/* The signing role's state, and the rooms a submission goes through: on_submission_validated.c (sign), asking.c (ask
 * the index owners), judging.c (verify, reach the verdict), handing_on.c (to
 * quota, and what it answers). on_text_questioned.c: what people ask. One thread. */
#ifndef SANGKIEN_DEDUPLICATION_SIGNING_H
#define SANGKIEN_DEDUPLICATION_SIGNING_H

#include "common/domain/reference.h"
#include "common/edge/receiver.h"
#include "common/edge/sender.h"
#include "common/runtime/pg.h"
#include "services/deduplication/comparison.h"
#include "services/deduplication/shingle_cache.h"
#include "services/deduplication/signer.h"
#include "services/deduplication/verify.h"

struct gathering {
	struct gathering *next;
	struct delivery *delivery;
	size_t at;        /* the item that is next */
	uint32_t open;    /* begun and not yet handed on */
	int64_t since_ms; /* when it came */
};

/* How many ways of weighing are kept at once; of more the oldest is made anew. */
enum { SIGNING_WEIGHTINGS = 8 };

struct signing {
	struct service *service;
	struct reference_source *references;
	struct pg *pg;
	struct shard_map map;
	uint32_t hold_ms;
	bool is_away; /* PostgreSQL, when it was last asked */
	struct sender *asks, *verdicts;
	struct gathering *gatherings; /* in order of arrival */
	struct comparison_pool *pool;
	struct comparison_queue unasked, compared, reached, waiting;
	uint32_t drafts; /* under way */
	struct fold_table *fold;
	struct signer *signer;
	struct verifier *verifier;
	struct weights *weights;
	struct signing_weights { /* the same as campaigns of other rules weigh by them; filled where they are asked for
				  */
		struct campaign_weighting by;
		struct weights weights;
	} other_weights[SIGNING_WEIGHTINGS];
	uint32_t next_weights;
	struct shingle_cache *cache;
	struct arena *arena; /* of the answer being read */
	struct buffer body;  /* of the message being written */
	struct signing_metrics {
		struct metric *counted, *under_review, *duplicate, *rejected, *returned, *asked_again, *poison,
			*under_way, *questions;
	} metrics;
};

/* `settings` of the window and the cache. Edges, references and PostgreSQL are the caller's to open and close. */
bool signing_init(struct signing *signing, struct service *service, uint32_t shards, uint32_t window,
	uint32_t cached_texts) MUST_CHECK;
void signing_deinit(struct signing *signing); /* tolerates the half-built */

/* The newest weights as a campaign weighs by them; borrowed until the next call or snapshot. */
const struct weights *signing_weights(struct signing *signing, const struct campaign_weighting *by);

/* on_submission_validated.c: the receiver's on_batch, and what happens to its batches. */
void on_submission_validated(struct delivery *delivery, void *signing);
void signing_continue(struct signing *signing);  /* begins what waited for room */
void signing_give_back(struct signing *signing); /* batches that have waited hold_ms: to be handed out again */
void signing_finish_item(struct signing *signing, struct comparison *comparison); /* handed on or rejected */
/* Folds, digests and sketches the text of a comparison. */
enum signer_fault signing_sign(struct signing *signing, struct bytes text, struct comparison *comparison) MUST_CHECK;
/* The submission goes back to be handed out again. */
void signing_return(struct signing *signing, struct comparison *comparison, const char *why);
/* Lets a comparison go; its shingles stay in the cache. */
void signing_release(struct signing *signing, struct comparison *comparison);

/* asking.c */
void signing_ask(struct signing *signing, struct comparison *comparison); /* all shards, anew */
void signing_ask_on(struct signing *signing);                             /* those that waited for room */
void on_text_compared(uint64_t tag, struct bytes result, void *signing);
void on_question_poison(uint64_t tag, const char *reason, void *signing);

/* judging.c */
void signing_set_away(struct signing *signing, bool away);
void signing_judge(struct signing *signing); /* all that are compared, in batches */

/* on_text_questioned.c: the receiver's on_batch. */
void on_text_questioned(struct delivery *delivery, void *signing);
void signing_answer_draft(struct signing *signing, struct comparison *comparison); /* judged; lets it go */
void signing_end_draft(struct signing *signing, struct comparison *comparison);    /* unanswered: not now */
void signing_give_drafts_up(struct signing *signing);                              /* nobody waits longer */

/* handing_on.c */
void signing_hand_on(struct signing *signing);   /* all that are reached */
void signing_ask_again(struct signing *signing); /* those that quota sent back */
void on_verdict_taken(uint64_t tag, struct bytes result, void *signing);
void on_verdict_poison(uint64_t tag, const char *reason, void *signing);

#endif
