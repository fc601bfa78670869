/* Lines out of pieces that end anywhere, each with the instant its last byte was read (law 6). Bounded: a line that is
 * too large is skipped and said. Pure: time is a function given. */
#ifndef SANGKIEN_INTAKE_LINE_READER_H
#define SANGKIEN_INTAKE_LINE_READER_H

#include "common/runtime/buffer.h"

struct line_reader { /* zeroed at first, but for line_bytes_max */
	size_t line_bytes_max;
	struct buffer input; /* what no line was made of yet begins at `used` */
	size_t used;
	struct buffer times; /* int64_t, of each line end in `input` */
	size_t times_used;
	bool skipping;  /* within a line that is too large */
	bool ended;     /* nothing more comes */
	bool ends_open; /* the last line has no end of line */
};

struct line {
	struct bytes text; /* without its end; borrowed until the next call; empty where too large */
	bool too_large;
	int64_t received_at;
};

/* `last`: the end, with this piece. `now` gives strictly increasing instants. False: no memory. */
bool line_reader_add(struct line_reader *reader, struct bytes piece, bool last, int64_t (*now)(void)) MUST_CHECK;
bool line_reader_next(struct line_reader *reader, struct line *line) MUST_CHECK; /* false: no whole line is there */
size_t line_reader_kept(const struct line_reader *reader);                       /* bytes no line was made of yet */
bool line_reader_is_over(const struct line_reader *reader);
void line_reader_deinit(struct line_reader *reader);

#endif
