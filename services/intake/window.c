#include "services/intake/window.h"

#include "common/runtime/mutant.h"
#include "services/intake/id_map.h"

#include <stdlib.h>

enum {
	GRACE_MS = 2000, /* how far the pipeline's batches may overtake each other */
	PROBES = 64,
};

TAILQ_HEAD(entry_list, window_entry);

struct window {
	size_t most, undecided;
	struct id_map *entries; /* decided ones that the edge still holds too */
	struct entry_list by_sent;
	int64_t progress_ms; /* sent_ms of the youngest that was decided */
	int64_t probed_ms;
};

struct window *window_new(size_t most)
{
	struct window *window = calloc(1, sizeof(*window));
	if (window == NULL)
		return NULL;
	window->most = most;
	TAILQ_INIT(&window->by_sent);
	window->entries = id_map_new(most * 2);
	if (window->entries == NULL)
		window_free(&window);
	return window;
}

void window_free(struct window **window)
{
	struct window_entry *entry;
	if (*window == NULL)
		return;
	while ((entry = TAILQ_FIRST(&(*window)->by_sent)) != NULL) {
		TAILQ_REMOVE(&(*window)->by_sent, entry, link);
		free(entry);
	}
	id_map_free(&(*window)->entries);
	free(*window);
	*window = NULL;
}

size_t window_count(const struct window *window)
{
	return window->undecided;
}

size_t window_room(const struct window *window)
{
	size_t by_memory = window->most * 2 - id_map_count(window->entries), left = window->most - window->undecided;
	return left < by_memory ? left : by_memory;
}

struct window_entry *window_enter(struct window *window, const struct id128 *id, int64_t now_ms)
{
	if (window_room(window) == 0)
		return NULL;
	struct window_entry *entry = calloc(1, sizeof(*entry));
	if (entry == NULL || !id_map_add(window->entries, id, entry)) {
		free(entry);
		return NULL;
	}
	*entry = (struct window_entry){.id = *id, .sent_ms = now_ms, .sends = 1, .held = true};
	TAILQ_INSERT_TAIL(&window->by_sent, entry, link);
	window->undecided++;
	return entry;
}

struct window_entry *window_find(const struct window *window, const struct id128 *id)
{
	return id_map_find(window->entries, id);
}

void window_send_again(struct window *window, struct window_entry *entry, int64_t now_ms)
{
	assert(!entry->held && !entry->decided);
	TAILQ_REMOVE(&window->by_sent, entry, link);
	entry->sent_ms = now_ms;
	entry->sends++;
	entry->held = true;
	entry->again = false;
	TAILQ_INSERT_TAIL(&window->by_sent, entry, link);
}

static void leave(struct window *window, struct window_entry *entry)
{
	TAILQ_REMOVE(&window->by_sent, entry, link);
	id_map_remove(window->entries, &entry->id);
	free(entry);
}

void window_decide(struct window *window, struct window_entry *entry)
{
	if (!entry->decided) {
		entry->decided = true;
		window->undecided -= MUTANT_WINDOW_NEVER_FREED ? 0 : 1;
		if (entry->sent_ms > window->progress_ms)
			window->progress_ms = entry->sent_ms;
	}
	if (!entry->held)
		leave(window, entry);
}

void window_release(struct window *window, struct window_entry *entry, int64_t now_ms)
{
	entry->held = false;
	entry->since_ms = now_ms;
	if (entry->decided)
		leave(window, entry);
}

static bool is_stale(const struct window_entry *entry, int64_t now_ms, int64_t lease_ms)
{
	return !entry->held && !entry->decided && !entry->poison && now_ms - entry->since_ms >= lease_ms;
}

size_t window_stale(struct window *window, int64_t now_ms, int64_t lease_ms, struct id128 *ids, bool *lost, size_t most)
{
	size_t found = 0, probes = now_ms - window->probed_ms >= lease_ms ? PROBES : 0;
	struct window_entry *entry;
	TAILQ_FOREACH(entry, &window->by_sent, link)
	{
		if (found == most || now_ms - entry->sent_ms < lease_ms)
			break; /* all behind it were sent later */
		if (!is_stale(entry, now_ms, lease_ms))
			continue;
		lost[found] = window->progress_ms > entry->sent_ms + GRACE_MS;
		if (!lost[found] && probes > 0) {
			lost[found] = true;
			probes--;
			window->probed_ms = now_ms;
		}
		entry->since_ms = now_ms;
		ids[found++] = entry->id;
	}
	return found;
}
