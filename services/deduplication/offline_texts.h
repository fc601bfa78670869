/* The texts of an offline run: lines {"id","text"} in, lines {"id","duplicate_of","score"} out, with "encoding" where a
 * text is one of before Unicode. */
#ifndef SANGKIEN_DEDUPLICATION_OFFLINE_TEXTS_H
#define SANGKIEN_DEDUPLICATION_OFFLINE_TEXTS_H

#include "common/runtime/buffer.h"
#include "services/deduplication/legacy.h"

#include <stdio.h>

struct offline_text {  /* heap */
	char *name;    /* the line's id */
	uint8_t *text; /* as read until it is signed, folded from then on */
	uint32_t size;
	uint32_t duplicate_of; /* its place in arrival order; itself: none */
	float score;
	enum legacy_encoding legacy; /* it was typed in */
};

struct offline_reader {
	FILE *file;
	char *line;
	size_t capacity;
	uint64_t number;       /* of the line last read, from 1 */
	const char *complaint; /* what was wrong with it, NULL: nothing */
};

/* False: the end, or a line that is not what it should be (`complaint` says what). Empty lines are passed over. */
bool offline_read(struct offline_reader *reader, struct offline_text *text) MUST_CHECK;
void offline_text_deinit(struct offline_text *text);
void offline_write(struct buffer *out, const struct offline_text *text, const struct offline_text *original);

#endif
