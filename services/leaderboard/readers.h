/* The threads that ask PostgreSQL and Redis, so that the server's thread never waits. A job goes to the first that is
 * free; its answer comes back as a letter to the server. */
#ifndef SANGKIEN_LEADERBOARD_READERS_H
#define SANGKIEN_LEADERBOARD_READERS_H

#include "common/runtime/http.h"
#include "common/runtime/mailbox.h"
#include "services/leaderboard/history.h"
#include "services/leaderboard/past_units.h"
#include "services/leaderboard/progress_reader.h"
#include "services/leaderboard/tracking.h"

enum { READERS_JOBS_MAX = 1024 };

enum job_kind {
	JOB_BOARD,    /* query → view */
	JOB_TRACK,    /* trackings → the same, filled */
	JOB_POLL,     /* trackings → the first `changed` of them filled */
	JOB_PROGRESS, /* progress → json, for the exchange of the ticket */
	JOB_HISTORY,  /* history → json, likewise */
	JOB_UNITS,    /* units → json, likewise, or unknown_unit */
};
struct job {
	enum job_kind kind;
	bool failed; /* neither server could say it */
	bool unknown_unit;
	struct board_query query;
	struct board_view *view; /* NULL where failed */
	struct progress_query progress;
	struct history_query history;
	struct units_query units;
	http_ticket ticket;
	struct buffer json;
	size_t count, changed;
	struct tracking trackings[];
};
struct job *job_new(enum job_kind kind, size_t count) MUST_CHECK;
void job_free(struct job **job);

struct readers;
struct readers_options {
	uint32_t threads;
	const char *conninfo;
	const char *redis, *redis_user, *redis_password_file;
	struct watch *watch;
	struct reference_source *reference;
	struct mailbox *answers; /* with room for READERS_JOBS_MAX and one a thread */
};
struct readers *readers_open(const struct readers_options *options) MUST_CHECK;
void readers_close(struct readers **readers);
/* Takes the job over; false: too many wait, the caller keeps it. */
bool readers_ask(struct readers *readers, struct job *job) MUST_CHECK;

#endif
