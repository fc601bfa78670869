#include "services/intake/line_reader.h"

#include <string.h>

static void add_time(struct line_reader *reader, int64_t (*now)(void))
{
	int64_t instant = now();
	buffer_add(&reader->times, &instant, sizeof(instant));
}

static int64_t take_time(struct line_reader *reader)
{
	int64_t instant;
	assert(reader->times_used + sizeof(instant) <= reader->times.size);
	memcpy(&instant, reader->times.data + reader->times_used, sizeof(instant));
	reader->times_used += sizeof(instant);
	if (reader->times_used == reader->times.size) {
		buffer_clear(&reader->times);
		reader->times_used = 0;
	}
	return instant;
}

bool line_reader_add(struct line_reader *reader, struct bytes piece, bool last, int64_t (*now)(void))
{
	/* What is left moves to the front once it is no more than what is used: no octet moves twice for one that came.
	 */
	if (reader->used >= line_reader_kept(reader)) {
		buffer_consume(&reader->input, reader->used);
		reader->used = 0;
	}
	for (size_t i = 0; i < piece.size; i++) {
		if (piece.data[i] == '\n')
			add_time(reader, now);
	}
	if (piece.size > 0)
		reader->ends_open = piece.data[piece.size - 1] != '\n';
	if (last && reader->ends_open)
		add_time(reader, now);
	reader->ended = last;
	buffer_add(&reader->input, piece.data, piece.size);
	return !reader->input.failed && !reader->times.failed;
}

bool line_reader_next(struct line_reader *reader, struct line *line)
{
	struct bytes rest = {reader->input.data + reader->used, reader->input.size - reader->used};
	const uint8_t *end = rest.size > 0 ? memchr(rest.data, '\n', rest.size) : NULL;
	bool whole = end != NULL || (reader->ended && reader->ends_open);
	size_t size = end != NULL ? (size_t)(end - rest.data) : rest.size;
	bool too_large = reader->skipping || size > reader->line_bytes_max;
	if (!whole) {
		reader->used += too_large ? size : 0;
		reader->skipping = too_large;
		return false;
	}
	reader->used += size + (end != NULL ? 1 : 0);
	reader->skipping = false;
	reader->ends_open &= end != NULL;
	*line = (struct line){.text = {rest.data, too_large ? 0 : size}, .too_large = too_large};
	line->received_at = take_time(reader);
	return true;
}

size_t line_reader_kept(const struct line_reader *reader)
{
	return reader->input.size - reader->used;
}

bool line_reader_is_over(const struct line_reader *reader)
{
	return reader->ended && !reader->ends_open && line_reader_kept(reader) == 0;
}

void line_reader_deinit(struct line_reader *reader)
{
	buffer_deinit(&reader->input);
	buffer_deinit(&reader->times);
}
