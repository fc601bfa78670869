/* Boards as Server-Sent Events: one group a query, each event encoded once for all of it. First the full `board`, then
 * a `change` at most four times a second; the event's id is the board's version. */
#ifndef SANGKIEN_LEADERBOARD_STREAM_H
#define SANGKIEN_LEADERBOARD_STREAM_H

#include "services/leaderboard/leaderboard.h"

enum { STREAM_TICK_MS = 50, STREAM_EVERY_MS = 250, STREAM_HEARTBEAT_MS = 15000 };

struct streams;

struct streams *streams_new(struct leaderboard *leaderboard) MUST_CHECK;
void streams_free(struct streams **streams);
/* Begins the stream's answer, or refuses it where there are too many different ones. */
void streams_join(struct streams *streams, struct http_exchange *exchange, const struct board_query *query);
void streams_tick(struct streams *streams, int64_t now_ms);

/* The header lines every stream of events has, and its begin. */
void stream_begin(struct http_exchange *exchange);
/* "event: NAME\nid: ID\ndata: JSON\n\n"; `json` on one line. */
void stream_event(struct buffer *out, const char *name, uint64_t id, struct bytes json);
/* Of Last-Event-ID; UINT64_MAX: none, or not one of ours. */
uint64_t stream_last_id(const struct http_exchange *exchange);

#endif
