/* What the rooms of this wing share: where to ask, and what stands ready. All of it belongs to the server's thread. */
#ifndef SANGKIEN_LEADERBOARD_LEADERBOARD_H
#define SANGKIEN_LEADERBOARD_LEADERBOARD_H

#include "common/runtime/http.h"
#include "services/leaderboard/readers.h"
#include "services/leaderboard/watch.h"

struct leaderboard {
	struct http_server *server;
	struct metrics *metrics;
	struct reference_source *reference;
	struct watch *watch;
	struct readers *readers;
	struct mailbox *answers;
	struct boards *boards;       /* boards.h */
	struct streams *streams;     /* stream.h */
	struct followers *followers; /* http_tracking.h */
	struct histories *histories; /* http_history.h */
	struct buffer openapi;       /* the document; empty: none was given */
	size_t asked;                /* jobs whose answers are still to come */
};

/* Hands a job to the readers. False: too many are under way; the job is freed. */
bool leaderboard_ask(struct leaderboard *leaderboard, struct job **job) MUST_CHECK;

/* Refusals in the client's language; the exchange is over after each. */
void refuse_unknown_campaign(struct http_exchange *exchange);
void refuse_unknown_unit(struct http_exchange *exchange);
void refuse_unknown_tracking(struct http_exchange *exchange, bool typing_error);
void refuse_query(struct http_exchange *exchange, const char *field, const char *code);
void refuse_unavailable(struct http_exchange *exchange); /* 503, Retry-After */

/* Answers a JSON text; one that failed for lack of memory is 500. `cache` is the Cache-Control. */
void answer_json(struct http_exchange *exchange, const struct buffer *json, const char *cache);

#endif
