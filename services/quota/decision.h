/* A decision: one revision of what became of one submission, as it stands in its table or is about to. */
#ifndef SANGKIEN_QUOTA_DECISION_H
#define SANGKIEN_QUOTA_DECISION_H

#include "common/domain/status.h"

#include <stdlib.h>

/* Texts are borrowed, mostly from the arena of the batch. */
struct decision {
	struct id128 id;
	uint32_t revision; /* 1 is the machine's first verdict; 0: none yet */
	uint32_t campaign, unit, phase, rules_version;
	enum submission_status status;
	enum decided_by decided_by;
	struct bytes reasons; /* "code field;code field", see reasons.h */
	bool has_duplicate_of, has_score;
	struct id128 duplicate_of;
	double score;
	int64_t decided_at; /* microseconds */
	/* Of the submission; only where the reader asked for them. */
	struct id128 person;
	int64_t received_at;
};

/* One step of one submission: totals move by the new decision minus the one before (law 2). */
struct change {
	struct decision decision;
	enum submission_status before; /* STATUS_RECEIVED where the decision is the first */
};

/* A text that stands is one that others can be duplicates of. */
static inline bool status_stands(enum submission_status status)
{
	return status == STATUS_COUNTED || status == STATUS_UNDER_REVIEW;
}

static inline int id128_compare(const struct id128 *a, const struct id128 *b)
{
	return __builtin_memcmp(a, b, sizeof(*a));
}

/* For qsort() and bsearch() of rows that begin with their id. */
static inline int id128_compare_rows(const void *left, const void *right)
{
	return id128_compare(left, right);
}

/* The row of that id among rows sorted by the id they begin with; NULL: none. */
static inline void *id128_find(const struct id128 *id, const void *rows, size_t count, size_t size)
{
	return rows == NULL || count == 0 ? NULL : bsearch(id, rows, count, size, id128_compare_rows);
}

#endif
