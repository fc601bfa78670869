/* Which submissions are under way in the pipeline by this instance (law 7). Pure: time is an argument. */
#ifndef SANGKIEN_INTAKE_WINDOW_H
#define SANGKIEN_INTAKE_WINDOW_H

#include "common/runtime/base.h"

#include <sys/queue.h>

struct window_entry {
	struct id128 id;
	int64_t sent_ms;  /* when it was last given to the edge */
	int64_t since_ms; /* when the edge let go, or it was last asked after */
	uint32_t sends;
	bool held;    /* by the edge: waiting there or leased to a worker */
	bool decided; /* leaves as soon as the edge lets go */
	bool again;   /* to be sent again as soon as the edge lets go */
	bool poison;  /* on its way to quarantine */
	TAILQ_ENTRY(window_entry) link;
};

struct window;

/* `most` submissions undecided at once. */
struct window *window_new(size_t most) MUST_CHECK;
void window_free(struct window **window);

size_t window_count(const struct window *window); /* undecided */
size_t window_room(const struct window *window);

/* Enters it as held by the edge. NULL: full, or there already. */
struct window_entry *window_enter(struct window *window, const struct id128 *id, int64_t now_ms) MUST_CHECK;
struct window_entry *window_find(const struct window *window, const struct id128 *id); /* NULL: not there */
/* It is given to the edge again. */
void window_send_again(struct window *window, struct window_entry *entry, int64_t now_ms);
/* It needs nothing any more: frees its place at once, its entry when the edge has let go. */
void window_decide(struct window *window, struct window_entry *entry);
/* The edge has let go. */
void window_release(struct window *window, struct window_entry *entry, int64_t now_ms);

/* Undecided ones that the edge let go of longer than `lease_ms` ago, oldest first, at most `most`; each is given again
 * after another `lease_ms`. `lost`: it is to be sent again, because something sent well after it has been decided; or,
 * where nothing is decided at all, as one of the few probes that find out whether the pipeline is slow or has lost it.
 * So a pipeline that stands still is not given its window again and again. */
size_t window_stale(
	struct window *window, int64_t now_ms, int64_t lease_ms, struct id128 *ids, bool *lost, size_t most);

#endif
