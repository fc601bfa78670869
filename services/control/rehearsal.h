/* A change of a campaign's rules, rehearsed: what was decided is decided again in memory, and what would change is
 * counted. Pure: rows go in one by one, nothing of them is kept, so memory does not grow with their number. */
#ifndef SANGKIEN_CONTROL_REHEARSAL_H
#define SANGKIEN_CONTROL_REHEARSAL_H

#include "common/domain/campaign.h"
#include "common/domain/rules.h"
#include "common/domain/unit_tree.h"

enum {
	REHEARSAL_REASONS_MAX = 96, /* distinct ones of the contract; more are counted together as the last */
	REHEARSAL_WORD_SIZE = 64,
	REHEARSAL_STATUSES = STATUS_REVOKED + 1,
};

/* A submission as the rules see it. */
struct rehearsed_text {
	uint32_t unit;
	int64_t received_at;
	const Sangkien__Message__Fields *fields;
};
/* One newest decision. */
struct rehearsed {
	struct rehearsed_text text;
	enum submission_status status;
	uint32_t phase;
	enum decided_by decided_by;
	struct bytes reasons; /* "code field;code field" */
	double score;         /* as recorded; 0: none */
	bool has_original;    /* the text it resembles, which is there */
	struct rehearsed_text original;
	bool original_by_person; /* its decision is a person's, whatever the rules are */
	bool original_stands;    /* it was not refused or revoked */
};

struct rehearsed_reason {
	char words[REHEARSAL_WORD_SIZE]; /* "outside_window applied_on" */
	uint64_t arises, falls_away;     /* among what would change */
};
struct rehearsed_unit {
	uint32_t unit;
	uint64_t changed, counted_more, counted_less;
};

struct rehearsal {
	const struct campaign *campaign; /* the new rules; borrowed, as the tree */
	const struct unit_tree *units;
	uint64_t looked_at, by_person, changed;
	uint64_t phases;       /* of `changed`: those that change nothing but their phase */
	uint64_t other_words;  /* refused before and after, for other reasons; not in `changed` */
	uint64_t not_compared; /* refused before and not after: they were never compared with others */
	uint64_t moves[REHEARSAL_STATUSES][REHEARSAL_STATUSES]; /* from, to */
	struct rehearsed_reason reasons[REHEARSAL_REASONS_MAX];
	size_t reason_count;
	struct rehearsed_unit *by_unit; /* heap; one a unit of the tree */
	size_t unit_count;
};

bool rehearsal_init(struct rehearsal *rehearsal, const struct campaign *campaign,
	const struct unit_tree *units) MUST_CHECK; /* false: no memory */
void rehearsal_deinit(struct rehearsal *rehearsal);

void rehearsal_take(struct rehearsal *rehearsal, const struct rehearsed *row);

/* Those with the most changes first; ends the taking of rows. */
void rehearsal_sort(struct rehearsal *rehearsal);

/* The longest description of which the rules of every version need no more than its first octet to judge. */
uint32_t rehearsal_short_bytes(const struct campaign *campaign);

#endif
