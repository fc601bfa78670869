/* What became of submissions: read from PostgreSQL, said as the contract's status object. No personal data. */
#ifndef SANGKIEN_LEADERBOARD_TRACKING_H
#define SANGKIEN_LEADERBOARD_TRACKING_H

#include "common/domain/reference.h"
#include "common/domain/status_json.h"
#include "common/runtime/buffer.h"
#include "common/runtime/pg.h"

enum { TRACKING_REVISIONS_MAX = 16 };

struct tracking {
	struct id128 id;
	uint64_t ticket; /* the caller's own mark */
	bool found;
	uint32_t campaign, unit;
	int64_t received_at;
	uint32_t revision;   /* newest, 0: no decision yet */
	size_t change_count; /* decisions, oldest first; of very many the newest */
	struct status_change changes[TRACKING_REVISIONS_MAX];
	/* Of the newest revision. */
	uint32_t phase; /* 0: in none, or undecided */
	bool has_score;
	double score;
	struct buffer reasons; /* "code field;code field" */
};

/* Fills all `count` (their ids are given, the rest is zero); any number, in statements of bounded size. */
bool tracking_read(struct pg *pg, struct tracking *trackings, size_t count, int64_t deadline_ms) MUST_CHECK;
/* Those of `count` that have a newer revision than the one they hold are moved to the front; *changed of them. */
bool tracking_find_changed(
	struct pg *pg, struct tracking *trackings, size_t count, size_t *changed, int64_t deadline_ms) MUST_CHECK;
void tracking_clear(struct tracking *tracking); /* frees the reasons */

enum submission_status tracking_status(const struct tracking *tracking);
/* The status object on one line. `reference` may know nothing of the campaign (then its codes are empty). */
void tracking_render(
	const struct tracking *tracking, const struct reference *reference, bool english, struct buffer *json);

#endif
