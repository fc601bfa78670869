#include "services/quota/board_writer.h"

#include "common/runtime/failpoint.h"
#include "services/quota/committed.h"

#include <pthread.h>
#include <stdlib.h>

enum { NEWS_MAX = 64, LETTERS_TURN = 8 };

struct board_writer {
	struct board_writer_options options;
	pthread_t thread;
};

/* Twice, because Redis may just have lost the scripts; taking a version again does no harm. */
static void write_news(struct board_writer *writer, const struct board_news *news, size_t count)
{
	struct board_store *store = writer->options.store;

	if (count == 0 || board_store_apply(store, news, count))
		return;
	if (!board_store_ready(store) || !board_store_apply(store, news, count))
		metric_add(writer->options.missed, count);
}

/* The news of all letters that wait, in one pipeline. */
static void write_letters(struct board_writer *writer, void *const *letters, size_t count)
{
	struct board_news news[NEWS_MAX];
	size_t gathered = 0;

	for (size_t i = 0; i < count; i++) {
		const struct ledger_result *result = &((const struct committed *)letters[i])->result;

		for (size_t k = 0; k < result->board_count; k++) {
			news[gathered++] = result->boards[k];
			if (gathered == NEWS_MAX) {
				write_news(writer, news, gathered);
				gathered = 0;
			}
		}
	}
	write_news(writer, news, gathered);
}

static void *run(void *context)
{
	struct board_writer *writer = context;
	void *letters[LETTERS_TURN];
	size_t count;

	while ((count = mailbox_wait(writer->options.in, letters, LETTERS_TURN, -1)) > 0) {
		write_letters(writer, letters, count);
		failpoint("quota-after-board");
		for (size_t i = 0; i < count; i++) {
			bool taken = mailbox_push(((const struct committed *)letters[i])->answers, letters[i]);
			assert(taken);
		}
	}
	return NULL;
}

struct board_writer *board_writer_open(const struct board_writer_options *options)
{
	struct board_writer *writer = calloc(1, sizeof(*writer));

	if (writer == NULL)
		return NULL;
	writer->options = *options;
	if (pthread_create(&writer->thread, NULL, run, writer) != 0) {
		free(writer);
		return NULL;
	}
	return writer;
}

void board_writer_close(struct board_writer **handle)
{
	struct board_writer *writer = *handle;

	*handle = NULL;
	if (writer == NULL)
		return;
	mailbox_close(writer->options.in);
	pthread_join(writer->thread, NULL);
	board_store_close(&writer->options.store);
	free(writer);
}
