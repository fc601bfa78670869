#include "services/leaderboard/http_tracking.h"

#include "common/domain/tracking_code.h"
#include "services/leaderboard/stream.h"

#include <stdlib.h>

enum { POLL_MS = 250 };

/* One stream of events. Its exchange's state points to it from the request on. */
struct follower {
	http_ticket ticket;
	struct id128 id;
	uint32_t revision; /* that it was told */
	uint64_t last_id;  /* what it says it has */
	size_t place;      /* in `all`; SIZE_MAX: not begun yet */
};

struct followers {
	struct follower **all;
	size_t count, capacity;
	bool polling;
	int64_t next_poll_ms, next_heartbeat_ms;
};

struct followers *followers_new(void)
{
	return calloc(1, sizeof(struct followers));
}

void followers_free(struct followers **followers)
{
	struct followers *it = *followers;
	*followers = NULL;
	if (!it)
		return;
	assert(it->count == 0);
	free(it->all);
	free(it);
}

static bool follow(struct followers *followers, struct follower *follower)
{
	if (followers->count == followers->capacity) {
		size_t capacity = followers->capacity == 0 ? 64 : followers->capacity * 2;
		struct follower **all = realloc(followers->all, capacity * sizeof(struct follower *));
		if (!all)
			return false;
		followers->all = all;
		followers->capacity = capacity;
	}
	follower->place = followers->count;
	followers->all[followers->count++] = follower;
	return true;
}

/* Takes the state off its exchange. */
static void forget(struct followers *followers, struct http_exchange *exchange)
{
	struct follower *follower = http_state(exchange);
	if (!follower)
		return;
	if (follower->place != SIZE_MAX) {
		struct follower *last = followers->all[--followers->count];
		last->place = follower->place;
		followers->all[last->place] = last;
	}
	http_set_state(exchange, NULL);
	free(follower);
}

void on_tracking_events_closed(struct http_exchange *exchange, void *context)
{
	struct leaderboard *leaderboard = context;
	forget(leaderboard->followers, exchange);
}

static void ask(struct leaderboard *leaderboard, struct http_exchange *exchange, const struct id128 *id)
{
	struct job *job = job_new(JOB_TRACK, 1);
	if (job) {
		job->trackings[0].id = *id;
		job->trackings[0].ticket = http_ticket_of(exchange);
	}
	if (leaderboard_ask(leaderboard, &job))
		return;
	forget(leaderboard->followers, exchange);
	refuse_unavailable(exchange);
}

void on_tracking(struct http_exchange *exchange, void *context)
{
	struct id128 id;
	if (tracking_code_parse(http_path_value(exchange, "code"), &id))
		ask(context, exchange, &id);
	else
		refuse_unknown_tracking(exchange, true);
}

void on_tracking_events(struct http_exchange *exchange, void *context)
{
	struct id128 id;
	if (!tracking_code_parse(http_path_value(exchange, "code"), &id)) {
		refuse_unknown_tracking(exchange, true);
		return;
	}
	struct follower *follower = malloc(sizeof(*follower));
	if (!follower) {
		refuse_unavailable(exchange);
		return;
	}
	*follower = (struct follower){
		.ticket = http_ticket_of(exchange), .id = id, .last_id = stream_last_id(exchange), .place = SIZE_MAX};
	http_set_state(exchange, follower);
	ask(context, exchange, &id);
}

static void render(struct leaderboard *leaderboard, struct http_exchange *exchange, const struct tracking *tracking,
	struct buffer *json)
{
	const struct reference *reference = reference_acquire(leaderboard->reference);
	if (reference)
		tracking_render(tracking, reference, http_prefers_english(exchange), json);
	else
		json->failed = true;
	reference_release(leaderboard->reference, &reference);
}

/* False: the stream has ended, by its final status or because its client is too slow. */
static bool send_status(
	struct leaderboard *leaderboard, struct http_exchange *exchange, const struct tracking *tracking)
{
	CLEANUP(buffer_deinit) struct buffer json = {0};
	CLEANUP(buffer_deinit) struct buffer event = {0};
	struct follower *follower = http_state(exchange);
	render(leaderboard, exchange, tracking, &json);
	stream_event(&event, "status", tracking->revision, buffer_bytes(&json));
	if (json.failed || event.failed)
		return true; /* the next poll tries again */
	if (!http_stream_send(exchange, buffer_bytes(&event)))
		return false; /* its end comes by on_closed */
	follower->revision = tracking->revision;
	if (!status_is_final(tracking_status(tracking)))
		return true;
	forget(leaderboard->followers, exchange);
	http_stream_end(exchange);
	return false;
}

static void begin_events(
	struct leaderboard *leaderboard, struct http_exchange *exchange, const struct tracking *tracking)
{
	struct follower *follower = http_state(exchange);
	bool has_it = follower->last_id == tracking->revision;
	if (has_it && status_is_final(tracking_status(tracking))) {
		/* A browser that comes again after the end: 204 tells it to stop (HTML, server-sent events). */
		forget(leaderboard->followers, exchange);
		http_answer(exchange, 204, NULL, (struct bytes){0});
		return;
	}
	if (!follow(leaderboard->followers, follower)) {
		forget(leaderboard->followers, exchange);
		refuse_unavailable(exchange);
		return;
	}
	stream_begin(exchange);
	follower->revision = tracking->revision;
	if (!has_it)
		send_status(leaderboard, exchange, tracking);
}

static void answer_status(
	struct leaderboard *leaderboard, struct http_exchange *exchange, const struct tracking *tracking)
{
	CLEANUP(buffer_deinit) struct buffer json = {0};
	render(leaderboard, exchange, tracking, &json);
	buffer_text(&json, "\n");
	answer_json(exchange, &json, "no-store");
}

void tracking_on_job(struct leaderboard *leaderboard, const struct job *job)
{
	const struct tracking *tracking = &job->trackings[0];
	struct http_exchange *exchange = http_find(leaderboard->server, tracking->ticket);
	if (!exchange)
		return;
	if (job->failed || !tracking->found) {
		forget(leaderboard->followers, exchange);
		if (job->failed)
			refuse_unavailable(exchange);
		else
			refuse_unknown_tracking(exchange, false);
	} else if (http_state(exchange)) {
		begin_events(leaderboard, exchange, tracking);
	} else {
		answer_status(leaderboard, exchange, tracking);
	}
}

void followers_on_job(struct leaderboard *leaderboard, const struct job *job)
{
	leaderboard->followers->polling = false;
	for (size_t i = 0; !job->failed && i < job->changed; i++) {
		struct http_exchange *exchange = http_find(leaderboard->server, job->trackings[i].ticket);
		if (exchange)
			send_status(leaderboard, exchange, &job->trackings[i]);
	}
}

static void poll_all(struct leaderboard *leaderboard)
{
	struct followers *followers = leaderboard->followers;
	struct job *job = job_new(JOB_POLL, followers->count);
	for (size_t i = 0; job && i < followers->count; i++) {
		job->trackings[i].id = followers->all[i]->id;
		job->trackings[i].revision = followers->all[i]->revision;
		job->trackings[i].ticket = followers->all[i]->ticket;
	}
	followers->polling = leaderboard_ask(leaderboard, &job);
}

static void heartbeat(struct leaderboard *leaderboard)
{
	struct followers *followers = leaderboard->followers;
	for (size_t i = 0; i < followers->count; i++) {
		struct http_exchange *exchange = http_find(leaderboard->server, followers->all[i]->ticket);
		if (exchange) /* who is cut off leaves by on_closed, not from within this loop */
			http_stream_send(exchange, (struct bytes){(const uint8_t *)":\n\n", 3});
	}
}

void followers_tick(struct leaderboard *leaderboard, int64_t now_ms)
{
	struct followers *followers = leaderboard->followers;
	if (followers->count > 0 && !followers->polling && now_ms >= followers->next_poll_ms) {
		followers->next_poll_ms = now_ms + POLL_MS;
		poll_all(leaderboard);
	}
	if (now_ms < followers->next_heartbeat_ms)
		return;
	followers->next_heartbeat_ms = now_ms + STREAM_HEARTBEAT_MS;
	heartbeat(leaderboard);
}
