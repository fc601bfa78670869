#include "services/leaderboard/boards.h"

#include "common/runtime/clock.h"

#include <stdlib.h>
#include <xxhash.h>

enum { SETS = 64, WAYS = 4 };

struct waiter {
	http_ticket ticket;
	boards_answer *answer;
};

struct pending {
	struct board_query query;
	struct waiter *waiters;
	size_t count, capacity;
};

struct cached {
	struct board_view *view; /* NULL: free */
	uint64_t used;           /* larger is later */
};

struct boards {
	struct leaderboard *leaderboard;
	struct cached cache[SETS][WAYS];
	uint64_t clock;
	struct pending *pending; /* READERS_JOBS_MAX */
	size_t pending_count;
};

struct boards *boards_new(struct leaderboard *leaderboard)
{
	struct boards *boards = calloc(1, sizeof(*boards));
	struct pending *pending = calloc(READERS_JOBS_MAX, sizeof(*pending));
	if (!boards || !pending) {
		free(boards);
		free(pending);
		return NULL;
	}
	boards->leaderboard = leaderboard;
	boards->pending = pending;
	return boards;
}

void boards_free(struct boards **boards)
{
	struct boards *it = *boards;
	*boards = NULL;
	if (!it)
		return;
	for (size_t set = 0; set < SETS; set++)
		for (size_t way = 0; way < WAYS; way++)
			board_view_release(&it->cache[set][way].view);
	for (size_t i = 0; i < it->pending_count; i++)
		free(it->pending[i].waiters);
	free(it->pending);
	free(it);
}

static struct cached *find_cached(struct boards *boards, const struct board_query *query)
{
	struct cached *set = boards->cache[XXH3_64bits(query, sizeof(*query)) % SETS];
	for (size_t way = 0; way < WAYS; way++)
		if (set[way].view && board_query_equal(&set[way].view->query, query)) {
			set[way].used = ++boards->clock;
			return &set[way];
		}
	return NULL;
}

static void store(struct boards *boards, struct board_view *view)
{
	struct cached *set = boards->cache[XXH3_64bits(&view->query, sizeof(view->query)) % SETS];
	struct cached *place = find_cached(boards, &view->query);
	for (size_t way = 0; !place && way < WAYS; way++)
		if (!set[way].view)
			place = &set[way];
	if (!place) {
		place = &set[0];
		for (size_t way = 1; way < WAYS; way++)
			if (set[way].used < place->used)
				place = &set[way];
	}
	board_view_release(&place->view);
	*place = (struct cached){.view = view, .used = ++boards->clock};
}

bool boards_is_fresh(const struct boards *boards, const struct board_view *view)
{
	struct leaderboard *leaderboard = boards->leaderboard;
	struct watch_state state = watch_state(leaderboard->watch, view->query.campaign);
	const struct reference *reference = reference_acquire(leaderboard->reference);
	bool same = reference && reference->version == view->reference->version;
	reference_release(leaderboard->reference, &reference);
	const struct shown shown = {view->version, view->from_redis, view->current, view->as_of};
	return same && view->targets == state.targets && newest_still_holds(&state.newest, &shown, clock_now_us());
}

struct board_view *boards_cached(struct boards *boards, const struct board_query *query)
{
	struct cached *cached = find_cached(boards, query);
	return cached && boards_is_fresh(boards, cached->view) ? cached->view : NULL;
}

static struct pending *find_pending(struct boards *boards, const struct board_query *query)
{
	for (size_t i = 0; i < boards->pending_count; i++)
		if (board_query_equal(&boards->pending[i].query, query))
			return &boards->pending[i];
	return NULL;
}

bool boards_request(struct boards *boards, const struct board_query *query)
{
	if (find_pending(boards, query))
		return true;
	struct job *job = job_new(JOB_BOARD, 0);
	if (job)
		job->query = *query;
	if (!leaderboard_ask(boards->leaderboard, &job))
		return false;
	assert(boards->pending_count < READERS_JOBS_MAX);
	boards->pending[boards->pending_count++] = (struct pending){.query = *query};
	return true;
}

static bool wait_for(struct pending *pending, http_ticket ticket, boards_answer *answer)
{
	if (pending->count == pending->capacity) {
		size_t capacity = pending->capacity == 0 ? 4 : pending->capacity * 2;
		struct waiter *waiters = realloc(pending->waiters, capacity * sizeof(*waiters));
		if (!waiters)
			return false;
		pending->waiters = waiters;
		pending->capacity = capacity;
	}
	pending->waiters[pending->count++] = (struct waiter){.ticket = ticket, .answer = answer};
	return true;
}

void boards_answer_with(
	struct boards *boards, const struct board_query *query, struct http_exchange *exchange, boards_answer *answer)
{
	const struct board_view *view = boards_cached(boards, query);
	bool waits = !view && boards_request(boards, query) &&
		     wait_for(find_pending(boards, query), http_ticket_of(exchange), answer);
	if (!waits)
		answer(boards->leaderboard, exchange, view);
}

/* What we showed before is better than nothing where it says that it may be old. */
static struct board_view *outdated(struct boards *boards, const struct board_query *query)
{
	struct cached *cached = find_cached(boards, query);
	if (!cached || !cached->view->current)
		return cached ? cached->view : NULL;
	struct board_view *view = board_view_outdated(cached->view);
	if (view)
		store(boards, view);
	return view;
}

void boards_on_job(struct boards *boards, struct job *job)
{
	struct pending *slot = find_pending(boards, &job->query);
	assert(slot);
	struct pending pending = *slot;
	*slot = boards->pending[--boards->pending_count];
	struct board_view *view = job->view;
	job->view = NULL;
	if (view)
		store(boards, view);
	else
		view = outdated(boards, &job->query);
	for (size_t i = 0; i < pending.count; i++) {
		struct http_exchange *exchange = http_find(boards->leaderboard->server, pending.waiters[i].ticket);
		if (exchange)
			pending.waiters[i].answer(boards->leaderboard, exchange, view);
	}
	free(pending.waiters);
}
