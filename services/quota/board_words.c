#include "services/quota/board_words.h"

#include <inttypes.h>
#include <stdlib.h>

static bool grow(struct board_words *words)
{
	size_t capacity = words->capacity == 0 ? 256 : words->capacity * 2;
	size_t *ends = realloc(words->ends, capacity * sizeof(*ends));
	const char **argv;
	size_t *sizes;

	if (ends == NULL)
		return false;
	words->ends = ends;
	argv = realloc(words->argv, capacity * sizeof(*argv));
	if (argv == NULL)
		return false;
	words->argv = argv;
	sizes = realloc(words->sizes, capacity * sizeof(*sizes));
	if (sizes == NULL)
		return false;
	words->sizes = sizes;
	words->capacity = capacity;
	return true;
}

static void end_word(struct board_words *words)
{
	words->failed |= words->text.failed || (words->count == words->capacity && !grow(words));
	if (!words->failed)
		words->ends[words->count++] = words->text.size;
}

void board_words_begin(struct board_words *words)
{
	buffer_clear(&words->text);
	words->count = 0;
	words->failed = false;
}

void board_words_text(struct board_words *words, const char *word)
{
	buffer_text(&words->text, word);
	end_word(words);
}

/* A thousand a transaction: printf would be a tenth of the service's work. */
static void write_number(struct buffer *text, int64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	assert(number >= 0);
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	buffer_add(text, digits + at, sizeof(digits) - at);
}

void board_words_number(struct board_words *words, int64_t number)
{
	write_number(&words->text, number);
	end_word(words);
}

void board_words_key(struct board_words *words, uint32_t campaign, const char *name)
{
	buffer_format(&words->text, "board:{c%" PRIu32 "}:%s", campaign, name);
	end_word(words);
}

static void add_figures(struct board_words *words, int64_t version, const struct board_row *row)
{
	const int64_t figures[] = {version, row->entered, row->counted, row->people, row->awarded};

	for (size_t i = 0; i < ARRAY_LENGTH(figures); i++) {
		if (i > 0)
			buffer_add(&words->text, " ", 1);
		write_number(&words->text, figures[i]);
	}
	end_word(words);
}

/* These rows share parent and phase. */
static void add_group(struct board_words *words, int64_t version, const struct board_row *rows, size_t count)
{
	write_number(&words->text, rows->parent);
	buffer_add(&words->text, ":", 1);
	write_number(&words->text, rows->phase);
	end_word(words);
	board_words_number(words, (int64_t)count);
	for (size_t i = 0; i < count; i++) {
		board_words_number(words, rows[i].unit);
		add_figures(words, version, &rows[i]);
	}
}

void board_words_rows(struct board_words *words, const struct board_news *news)
{
	for (size_t from = 0, to; from < news->count; from = to) {
		const struct board_row *first = &news->rows[from];

		for (to = from + 1; to < news->count && to - from < BOARD_GROUP_ROWS_MAX; to++)
			if (news->rows[to].parent != first->parent || news->rows[to].phase != first->phase)
				break;
		add_group(words, news->version, first, to - from);
	}
}

bool board_words_end(struct board_words *words)
{
	if (words->failed)
		return false;
	for (size_t i = 0, from = 0; i < words->count; from = words->ends[i++]) {
		words->argv[i] = (const char *)words->text.data + from;
		words->sizes[i] = words->ends[i] - from;
	}
	return true;
}

void board_words_deinit(struct board_words *words)
{
	buffer_deinit(&words->text);
	free(words->ends);
	free(words->argv);
	free(words->sizes);
	*words = (struct board_words){0};
}
