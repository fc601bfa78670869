#include "services/deduplication/explain_run.h"

#include "common/domain/tracking_code.h"
#include "common/runtime/clock.h"
#include "common/runtime/pg.h"
#include "services/deduplication/offline_run.h"
#include "services/deduplication/snapshots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECT_MS = 10000, EXIT_AWAY = 69 };

struct explaining {
	const char *name[2]; /* tracking codes, or ids of the file */
	const char *input;   /* NULL: none */
	bool json;
	struct bytes text[2]; /* heap */
	struct weights *weights;
	struct fold_table *fold;
};

/* Words ----------------------------------------------------------------------------------------------------------- */

/* Where a code point begins, from a place that is one before it. */
static size_t skip_points(struct bytes text, size_t at, uint32_t points)
{
	for (; points > 0 && at < text.size; points--)
		do
			at++;
		while (at < text.size && (text.data[at] & 0xC0) == 0x80);
	return at;
}

static struct bytes words_of(struct bytes text, const struct passage *passage)
{
	size_t from = skip_points(text, 0, passage->from);
	size_t to = skip_points(text, from, passage->to - passage->from);
	return (struct bytes){text.data + from, to - from};
}

void explanation_json(const struct explanation *explanation, struct bytes text, struct buffer *out)
{
	buffer_format(out, "\"score\":%.4f,\"exact\":%s,\"passages\":[", explanation->score,
		explanation->exact ? "true" : "false");
	for (uint32_t i = 0; i < explanation->count; i++) {
		const struct passage *passage = &explanation->passages[i];
		buffer_format(out,
			"%s{\"at\":[%u,%u],\"other_at\":[%u,%u],\"boilerplate\":%s,\"words\":", i > 0 ? "," : "",
			passage->from, passage->to, passage->other_from, passage->other_to,
			passage->boilerplate ? "true" : "false");
		buffer_json(out, words_of(text, passage));
		buffer_text(out, "}");
	}
	buffer_text(out, "]");
}

static void print_for_people(const struct explaining *run, const struct explanation *explanation)
{
	printf("%s and %s: score %.4f%s\n", run->name[0], run->name[1], explanation->score,
		explanation->exact ? ", the same text" : "");
	for (uint32_t i = 0; i < explanation->count; i++) {
		const struct passage *passage = &explanation->passages[i];
		struct bytes words = words_of(run->text[0], passage);
		printf("%6u-%-6u %6u-%-6u %-11s ", passage->from, passage->to, passage->other_from, passage->other_to,
			passage->boilerplate ? "boilerplate" : "own words");
		for (size_t at = 0; at < words.size; at++)
			putchar(words.data[at] == '\n' ? ' ' : words.data[at]);
		putchar('\n');
	}
	if (explanation->count == 0)
		puts("no passage in common");
}

/* Where the texts come from --------------------------------------------------------------------------------------- */

static bool keep(struct bytes *kept, struct bytes text)
{
	uint8_t *copy = malloc(text.size + 1);
	if (copy == NULL)
		return false;
	memcpy(copy, text.data, text.size);
	*kept = (struct bytes){copy, text.size};
	return true;
}

static int fetch_text(struct explaining *run, struct pg *pg, int which)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	struct id128 id;
	if (!tracking_code_parse(run->name[which], &id)) {
		fprintf(stderr, "deduplication: %s is no tracking code\n", run->name[which]);
		return EXIT_USAGE;
	}
	pg_uuid(pg_params(pg), &id);
	if (pg_run(pg, "SELECT description FROM submission WHERE id = $1", &rows, clock_monotonic_ms() + CONNECT_MS) !=
		PG_OK) {
		fprintf(stderr, "deduplication: PostgreSQL: %s\n", pg_error(pg));
		return EXIT_AWAY;
	}
	if (PQntuples(rows) == 0) {
		fprintf(stderr, "deduplication: there is no submission %s\n", run->name[which]);
		return EXIT_NO_INPUT;
	}
	return keep(&run->text[which], pg_get_bytes(rows, 0, 0)) ? 0 : EXIT_MEMORY;
}

static int fetch_all(struct explaining *run)
{
	const char *conninfo = getenv("SANGKIEN_PG");
	struct pg *pg = conninfo == NULL ? NULL : pg_open(conninfo, "deduplication explain");
	int code = EXIT_AWAY;
	if (pg != NULL && pg_ready(pg, clock_monotonic_ms() + CONNECT_MS)) {
		code = fetch_text(run, pg, 0);
		code = code == 0 ? fetch_text(run, pg, 1) : code;
		if (code == 0 && !snapshots_take_newest(pg, &run->weights, clock_monotonic_ms() + CONNECT_MS))
			code = EXIT_AWAY;
	} else {
		fputs("deduplication: PostgreSQL does not answer (SANGKIEN_PG)\n", stderr);
	}
	if (pg != NULL)
		pg_close(&pg);
	return code;
}

/* All texts of the file teach what is boilerplate in it. */
struct lesson {
	struct signer *signer;
	struct frequency *frequency;
	struct buffer snapshot;
};

static int take_line(struct explaining *run, struct lesson *lesson, const struct offline_text *text)
{
	struct bytes words = {text->text, text->size};
	struct shingle_set *set = signer_shingles_of(lesson->signer, words);
	if (set != NULL)
		frequency_learn(lesson->frequency, set->hash, set->count, &(struct id128){0});
	shingle_set_free(&set);
	for (int i = 0; i < 2; i++)
		if (run->text[i].data == NULL && strcmp(text->name, run->name[i]) == 0 && !keep(&run->text[i], words))
			return EXIT_MEMORY;
	return 0;
}

static int read_lines(struct explaining *run, struct lesson *lesson, FILE *file)
{
	struct offline_reader reader = {.file = file};
	struct offline_text text;
	int code = 0;
	while (code == 0 && offline_read(&reader, &text)) {
		code = take_line(run, lesson, &text);
		offline_text_deinit(&text);
	}
	free(reader.line);
	for (int i = 0; code == 0 && i < 2; i++) {
		if (run->text[i].data != NULL)
			continue;
		fprintf(stderr, "%s: no line has the id %s\n", run->input, run->name[i]);
		code = EXIT_INPUT;
	}
	if (reader.complaint != NULL) {
		fprintf(stderr, "%s:%llu: %s\n", run->input, (unsigned long long)reader.number, reader.complaint);
		code = EXIT_INPUT;
	}
	return code;
}

static int read_file(struct explaining *run)
{
	struct lesson lesson = {.signer = signer_new(run->fold), .frequency = frequency_new()};
	FILE *file = fopen(run->input, "r");
	int code = lesson.signer != NULL && lesson.frequency != NULL ? 0 : EXIT_MEMORY;
	if (file == NULL) {
		perror(run->input);
		code = EXIT_NO_INPUT;
	}
	if (code == 0)
		code = read_lines(run, &lesson, file);
	if (code == 0) {
		frequency_write(lesson.frequency, &lesson.snapshot);
		weights_free(&run->weights);
		run->weights = weights_new(1, buffer_bytes(&lesson.snapshot));
		code = run->weights == NULL ? EXIT_MEMORY : 0;
	}
	if (file != NULL)
		fclose(file);
	signer_free(&lesson.signer);
	frequency_free(&lesson.frequency);
	buffer_deinit(&lesson.snapshot);
	return code;
}

/* The run --------------------------------------------------------------------------------------------------------- */

static const char usage[] =
	"usage: deduplication --explain A B [--input FILE.jsonl] [--json]\n"
	"What two texts share, with the offsets in both in code points; boilerplate is told apart.\n"
	"A and B are tracking codes, or with --input ids of its lines {\"id\",\"text\"}.\n";

static bool read_arguments(struct explaining *run, int argc, char **argv)
{
	int names = 0;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--explain") == 0)
			continue;
		if (strcmp(argv[i], "--json") == 0)
			run->json = true;
		else if (strcmp(argv[i], "--input") == 0 && i + 1 < argc)
			run->input = argv[++i];
		else if (strncmp(argv[i], "--", 2) != 0 && names < 2)
			run->name[names++] = argv[i];
		else
			return false;
	}
	return names == 2;
}

static int explain_and_print(struct explaining *run)
{
	struct explanation *explanation = malloc(sizeof(*explanation));
	enum explain_fault fault =
		explanation == NULL ? EXPLAIN_NO_MEMORY
				    : explain_texts(run->fold, run->weights, run->text[0], run->text[1], explanation);
	if (fault == EXPLAIN_OK && run->json) {
		struct buffer out = {0};
		buffer_text(&out, "{");
		explanation_json(explanation, run->text[0], &out);
		printf("%.*s}\n", (int)out.size, (const char *)out.data);
		buffer_deinit(&out);
	} else if (fault == EXPLAIN_OK) {
		print_for_people(run, explanation);
	} else if (fault == EXPLAIN_NOT_TEXT) {
		fputs("deduplication: a text is not UTF-8, or too long\n", stderr);
	}
	free(explanation);
	return fault == EXPLAIN_OK ? 0 : fault == EXPLAIN_NOT_TEXT ? EXIT_INPUT : EXIT_MEMORY;
}

bool explain_is_asked_for(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--explain") == 0)
			return true;
	return false;
}

int explain_run(int argc, char **argv)
{
	struct explaining run = {0};
	if (!read_arguments(&run, argc, argv)) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	run.fold = fold_table_new();
	run.weights = weights_new_empty();
	int code = run.fold == NULL || run.weights == NULL ? EXIT_MEMORY : 0;
	if (code == 0)
		code = run.input != NULL ? read_file(&run) : fetch_all(&run);
	if (code == 0)
		code = explain_and_print(&run);
	for (int i = 0; i < 2; i++)
		free((uint8_t *)(uintptr_t)run.text[i].data);
	weights_free(&run.weights);
	fold_table_free(&run.fold);
	return code;
}
