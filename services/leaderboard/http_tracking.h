/* GET /v1/submissions/{tracking_code} and …/events. */
#ifndef SANGKIEN_LEADERBOARD_HTTP_TRACKING_H
#define SANGKIEN_LEADERBOARD_HTTP_TRACKING_H

#include "common/runtime/http.h"
#include "services/leaderboard/leaderboard.h"

http_handler on_tracking, on_tracking_events;
http_closed_handler on_tracking_events_closed;

/* Who follows a submission until its final status. */
struct followers;
struct followers *followers_new(void) MUST_CHECK;
void followers_free(struct followers **followers); /* after the server: every stream has gone */
/* Asks for all undecided ones in one statement, and keeps the streams alive. */
void followers_tick(struct leaderboard *leaderboard, int64_t now_ms);

void tracking_on_job(struct leaderboard *leaderboard, const struct job *job);  /* JOB_TRACK */
void followers_on_job(struct leaderboard *leaderboard, const struct job *job); /* JOB_POLL */

#endif
