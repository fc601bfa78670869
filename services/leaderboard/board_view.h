/* One board as read: rows in order, where from, of what version. Made by a reader's thread, then the server's own. */
#ifndef SANGKIEN_LEADERBOARD_BOARD_VIEW_H
#define SANGKIEN_LEADERBOARD_BOARD_VIEW_H

#include "common/domain/targets.h"
#include "common/runtime/buffer.h"
#include "services/leaderboard/board_query.h"

enum { BOARD_ETAG_SIZE = 104 };

struct board_view {
	unsigned holders; /* all on the server's thread */
	struct board_query query;
	uint64_t version;
	bool from_redis, current;
	int64_t as_of;
	uint64_t targets;          /* version of the targets in it */
	struct board_view *origin; /* held: whose rows and reference these are; NULL: they are its own */
	struct reference_source *source;
	const struct reference *reference; /* held: units and names */
	const struct reference_campaign *campaign;
	struct board_row total; /* the parent's own */
	struct board_row *rows; /* those to show */
	size_t row_count;
	char etag[BOARD_ETAG_SIZE];
	struct buffer json;       /* the whole answer */
	struct buffer total_json; /* {"entered":…} */
};

/* Every child of the query's parent and the parent's total, with targets and without figures; takes over the hold of
 * `reference`. NULL: no memory, or the reference knows the campaign or the unit no more; the hold is given back. */
struct board_view *board_view_new(struct reference_source *source, const struct reference **reference,
	const struct targets *targets, const struct board_query *query) MUST_CHECK;
/* Where the figures of a unit go, before board_view_finish(); NULL: it is not on this board. */
struct board_row *board_view_row(struct board_view *view, uint32_t unit);
/* Ranks, keeps the rows to show, renders. False: no memory. */
bool board_view_finish(struct board_view *view) MUST_CHECK;
/* The same board, saying that it may be old. NULL: no memory. */
struct board_view *board_view_outdated(struct board_view *view) MUST_CHECK;
struct board_view *board_view_hold(struct board_view *view);
void board_view_release(struct board_view **view);

/* The data of a `change` event: what differs from `before`; false where nothing does. */
bool board_view_changes(const struct board_view *before, const struct board_view *view, struct buffer *json) MUST_CHECK;

#endif
