/* Law 3 as a pure rule: of exact copies exactly one stands, the one received earliest; a near duplicate stands behind
 * a text that stands. No I/O: what the tables say is an argument. */
#ifndef SANGKIEN_QUOTA_COPIES_H
#define SANGKIEN_QUOTA_COPIES_H

#include "services/quota/verdict.h"

/* The copies of one text that arrived together, and who holds the text's place in exact_text. */
struct copies {
	uint32_t campaign, scope;
	struct bytes digest;
	const uint32_t *members; /* numbers of verdicts, the earliest received first */
	size_t count;

	/* From the tables: */
	bool held;
	struct id128 holder, holder_person;
	int64_t holder_received_at;
	struct decision holder_decision; /* its latest, only where copies_challenge() */

	/* The ruling: the place is the earliest member's from now on. */
	bool taken;
};

/* A text that a verdict names and that is not one of this batch's open verdicts. */
struct named_text {
	struct id128 id;   /* as named */
	struct id128 head; /* what it stands behind, or itself */
	bool stands;       /* the head, whose decision is locked */
};

/* One batch before the rule. Verdicts are distinct and sorted by id; those with FATE_OPEN are ruled on. */
struct docket {
	struct verdict *verdicts;
	size_t count;
	const struct named_text *named; /* sorted by id */
	size_t named_count;
	/* By copies_gather(): */
	struct copies *copies; /* in key order, in which their places are locked */
	size_t copies_count;
	uint32_t *copies_of; /* one a verdict: number in `copies`, or COPIES_NONE where the text was not signed */
	uint8_t *states;     /* one a verdict */
};
enum { COPIES_NONE = UINT32_MAX };

/* Gathers the open verdicts by text. False: the arena is full. */
bool copies_gather(struct docket *docket, struct arena *arena) MUST_CHECK;

static inline const struct verdict *copies_earliest(const struct docket *docket, const struct copies *copies)
{
	return &docket->verdicts[copies->members[0]];
}

/* The earliest member was received before the holder, whose decision is therefore needed. */
bool copies_challenge(const struct docket *docket, const struct copies *copies);

/* The texts outside the batch that must stand for the rulings to hold: sorted, distinct. The holder of a text's own
 * place is not among them: its place is locked. NULL: the arena is full. */
struct id128 *copies_named(const struct docket *docket, struct arena *arena, size_t *count) MUST_CHECK;

/* Rules on every open verdict: FATE_DECIDED with its first decision (without decided_at), or FATE_NOT_NOW. A place
 * that was free and is not `taken` is given back. */
void copies_rule(struct docket *docket);

/* This verdict was open, and copies_rule() has ruled on it. */
bool copies_ruled(const struct docket *docket, size_t number);

/* Are the keys of a signed text that is no plain copy put into an index that is rebuilt? Not where another text stands
 * for it there, unless it takes its place now: that other one may be a plain copy of it, and is not kept then. */
bool copies_posts(const struct docket *docket, size_t number);

/* The holder gives way to the earliest copy. Never where a person decided on it: a machine replaces no person's
 * decision (law 2), so there the earliest copy stands behind it. */
bool copies_displace(const struct docket *docket, const struct copies *copies);
/* What a holder that gives way becomes. */
struct change copies_displaced(const struct docket *docket, const struct copies *copies);

#endif
