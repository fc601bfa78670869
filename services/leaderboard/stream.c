#include "services/leaderboard/stream.h"

#include "common/runtime/clock.h"
#include "services/leaderboard/boards.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { GROUPS_MAX = 512 };

struct member {
	http_ticket ticket;
	uint64_t last_id; /* what it says it has */
	bool waits;       /* for its first event */
};

struct group {
	struct board_query query;
	struct board_view *view; /* what the members that do not wait know; NULL: none yet */
	int64_t next_event_ms, next_ask_ms;
	struct member *members; /* who has gone is found when something is sent */
	size_t count, capacity;
};

struct streams {
	struct leaderboard *leaderboard;
	struct group *groups;
	size_t group_count;
	int64_t next_heartbeat_ms;
	struct http_shared *heartbeat;
	struct metric *open;
};

struct streams *streams_new(struct leaderboard *leaderboard)
{
	struct streams *streams = calloc(1, sizeof(*streams));
	if (!streams)
		return NULL;
	streams->leaderboard = leaderboard;
	streams->open = metrics_gauge(leaderboard->metrics, "sangkien_leaderboard_board_streams", NULL,
		"Board event streams open, those gone in the last seconds included");
	streams->groups = calloc(GROUPS_MAX, sizeof(struct group));
	streams->heartbeat = http_shared_new((struct bytes){(const uint8_t *)":\n\n", 3});
	if (!streams->groups || !streams->heartbeat)
		streams_free(&streams);
	return streams;
}

static void group_clear(struct group *group)
{
	board_view_release(&group->view);
	free(group->members);
	*group = (struct group){0};
}

void streams_free(struct streams **streams)
{
	struct streams *it = *streams;
	*streams = NULL;
	if (!it)
		return;
	for (size_t i = 0; i < it->group_count; i++)
		group_clear(&it->groups[i]);
	http_shared_release(&it->heartbeat);
	free(it->groups);
	free(it);
}

void stream_begin(struct http_exchange *exchange)
{
	http_add_header(exchange, "Cache-Control", "no-store");
	http_add_header(exchange, "X-Accel-Buffering", "no"); /* a proxy that gathers would hold events back */
	http_stream_begin(exchange, 200, "text/event-stream");
}

void stream_event(struct buffer *out, const char *name, uint64_t id, struct bytes json)
{
	buffer_format(out, "event: %s\nid: %" PRIu64 "\ndata: ", name, id);
	buffer_add(out, json.data, json.size);
	buffer_text(out, "\n\n");
}

uint64_t stream_last_id(const struct http_exchange *exchange)
{
	const char *text = http_header(exchange, "Last-Event-ID");
	size_t size = text ? strlen(text) : 0;
	if (size == 0 || size > 18 || strspn(text, "0123456789") != size)
		return UINT64_MAX;
	return strtoull(text, NULL, 10);
}

static struct group *group_of(struct streams *streams, const struct board_query *query)
{
	for (size_t i = 0; i < streams->group_count; i++)
		if (board_query_equal(&streams->groups[i].query, query))
			return &streams->groups[i];
	if (streams->group_count == GROUPS_MAX)
		return NULL;
	struct group *group = &streams->groups[streams->group_count++];
	*group = (struct group){.query = *query};
	return group;
}

static struct member *group_add(struct group *group)
{
	if (group->count == group->capacity) {
		size_t capacity = group->capacity == 0 ? 8 : group->capacity * 2;
		struct member *members = realloc(group->members, capacity * sizeof(*members));
		if (!members)
			return NULL;
		group->members = members;
		group->capacity = capacity;
	}
	return &group->members[group->count++];
}

/* One encoding for all who are sent it; NULL: no memory, then the next turn tries again. */
static struct http_shared *encode(const char *name, const struct board_view *view, struct bytes json)
{
	CLEANUP(buffer_deinit) struct buffer event = {0};
	stream_event(&event, name, view->version, json);
	return event.failed ? NULL : http_shared_new(buffer_bytes(&event));
}

static struct http_shared *encode_board(const struct board_view *view)
{
	struct bytes json = buffer_bytes(&view->json);
	return encode("board", view, (struct bytes){json.data, json.size - 1}); /* without its line's end */
}

/* Sends to those who wait, or to those who do not; forgets who has gone. */
static void send_to(struct streams *streams, struct group *group, struct http_shared *shared, bool waiting)
{
	for (size_t i = 0; i < group->count;) {
		struct member *member = &group->members[i];
		struct http_exchange *exchange = http_find(streams->leaderboard->server, member->ticket);
		bool wanted = exchange && member->waits == waiting;
		if (!exchange || (wanted && !http_stream_share(exchange, shared))) {
			*member = group->members[--group->count];
			continue;
		}
		i++;
	}
}

/* Who waits gets the whole board, unless it says that it has just this one. */
static void welcome(struct streams *streams, struct group *group)
{
	bool any = false;
	for (size_t i = 0; i < group->count; i++) {
		struct member *member = &group->members[i];
		if (member->waits && member->last_id == group->view->version)
			member->waits = false;
		any |= member->waits;
	}
	struct http_shared *shared = any ? encode_board(group->view) : NULL;
	if (!shared)
		return;
	send_to(streams, group, shared, true);
	for (size_t i = 0; i < group->count; i++)
		group->members[i].waits = false;
	http_shared_release(&shared);
}

void streams_join(struct streams *streams, struct http_exchange *exchange, const struct board_query *query)
{
	struct group *group = group_of(streams, query);
	struct member *member = group ? group_add(group) : NULL;
	if (!member) {
		refuse_unavailable(exchange);
		return;
	}
	*member =
		(struct member){.ticket = http_ticket_of(exchange), .last_id = stream_last_id(exchange), .waits = true};
	stream_begin(exchange);
	if (group->view)
		welcome(streams, group);
}

static void tell_change(struct streams *streams, struct group *group, const struct board_view *view)
{
	CLEANUP(buffer_deinit) struct buffer json = {0};
	struct http_shared *shared = NULL;
	/* Other units or names: what a change says would not be enough. */
	if (group->view->reference->version != view->reference->version)
		shared = encode_board(view);
	else if (board_view_changes(group->view, view, &json) && !json.failed)
		shared = encode("change", view, buffer_bytes(&json));
	if (shared)
		send_to(streams, group, shared, false);
	http_shared_release(&shared);
}

static void group_tick(struct streams *streams, struct group *group, int64_t now_ms)
{
	struct boards *boards = streams->leaderboard->boards;
	if (now_ms < group->next_event_ms || (group->view && boards_is_fresh(boards, group->view)))
		return;
	struct board_view *view = boards_cached(boards, &group->query);
	if (!view) {
		/* One that cannot be had now is asked for again, at the same pace. */
		if (now_ms >= group->next_ask_ms && boards_request(boards, &group->query))
			group->next_ask_ms = now_ms + STREAM_EVERY_MS;
		return;
	}
	if (group->view)
		tell_change(streams, group, view);
	board_view_release(&group->view);
	group->view = board_view_hold(view);
	group->next_event_ms = now_ms + STREAM_EVERY_MS;
	welcome(streams, group);
}

static void heartbeat(struct streams *streams)
{
	size_t open = 0, kept = 0;
	for (size_t i = 0; i < streams->group_count; i++) {
		struct group group = streams->groups[i];
		send_to(streams, &group, streams->heartbeat, false);
		send_to(streams, &group, streams->heartbeat, true);
		open += group.count;
		if (group.count > 0)
			streams->groups[kept++] = group;
		else
			group_clear(&group);
	}
	streams->group_count = kept;
	metric_set(streams->open, (int64_t)open);
}

void streams_tick(struct streams *streams, int64_t now_ms)
{
	for (size_t i = 0; i < streams->group_count; i++)
		group_tick(streams, &streams->groups[i], now_ms);
	if (now_ms < streams->next_heartbeat_ms)
		return;
	streams->next_heartbeat_ms = now_ms + STREAM_HEARTBEAT_MS;
	heartbeat(streams);
}
