/* A command to Redis as it is put together, word by word, with the keys and rows of a board as its scripts take them
 * (board_scripts.h). Builders fail sticky: board_words_end() says it once. No I/O. */
#ifndef SANGKIEN_QUOTA_BOARD_WORDS_H
#define SANGKIEN_QUOTA_BOARD_WORDS_H

#include "common/runtime/buffer.h"
#include "services/quota/board.h"

enum { BOARD_GROUP_ROWS_MAX = 500 /* Lua unpacks them on its stack */ };

/* The words stand one behind the other, each with its end; begins as {0}, and is used again from command to command. */
struct board_words {
	struct buffer text;
	size_t *ends;
	size_t count, capacity;
	bool failed;
	/* By board_words_end(): */
	const char **argv;
	size_t *sizes;
};

void board_words_begin(struct board_words *words);
void board_words_text(struct board_words *words, const char *word);
void board_words_number(struct board_words *words, int64_t number); /* 0 or more */
void board_words_key(struct board_words *words, uint32_t campaign, const char *name);
/* All rows at the news' version, in groups of one parent and phase. */
void board_words_rows(struct board_words *words, const struct board_news *news);
/* False: there is no memory. */
bool board_words_end(struct board_words *words) MUST_CHECK;
void board_words_deinit(struct board_words *words);

#endif
