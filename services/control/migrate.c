/* `sangkien migrate`: the schema's files in order, each in one transaction together with its entry in `migration`. */
#include "common/runtime/clock.h"
#include "services/control/arguments.h"
#include "services/control/command.h"
#include "services/control/program.h"
#include "services/control/session.h"

#include <dirent.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MIGRATIONS_MAX = 512, NAME_SIZE = 256, ONE_FILE_MS = 3600 * 1000, LOCK_WAIT_MS = 600 * 1000 };
static const int64_t lock_key = INT64_C(0x73616e676b69656e); /* "sangkien" */

struct migration {
	int32_t number;
	char name[NAME_SIZE]; /* of the file */
	struct buffer sql;
	uint8_t sha256[crypto_hash_sha256_BYTES];
	bool applied;
};
struct migrations {
	struct migration *files; /* ascending */
	size_t count;
};

static void migrations_free(struct migrations *migrations)
{
	for (size_t i = 0; i < migrations->count; i++)
		buffer_deinit(&migrations->files[i].sql);
	free(migrations->files);
}

/* "0001_pipeline.sql" */
static bool is_migration(const char *name)
{
	size_t length = strlen(name);

	return length > 9 && length < NAME_SIZE && strspn(name, "0123456789") == 4 && name[4] == '_' &&
	       strcmp(name + length - 4, ".sql") == 0;
}

/* A file that ends the transaction itself could be half applied. */
static bool ends_transaction(const struct buffer *sql)
{
	static const char *const words[] = {"COMMIT", "ROLLBACK", "ABORT"};
	const char *text = (const char *)sql->data, *end = text + sql->size;

	for (const char *line = text; line < end;) {
		const char *next = memchr(line, '\n', (size_t)(end - line));

		for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
			if ((size_t)(end - line) >= strlen(words[i]) &&
				strncasecmp(line, words[i], strlen(words[i])) == 0)
				return true;
		line = next == NULL ? end : next + 1;
	}
	return false;
}

static bool read_one(struct migration *file, const char *directory, const char *name)
{
	char path[2 * RUNDIR_FILE_MAX];

	*file = (struct migration){.number = (int32_t)strtol(name, NULL, 10)};
	snprintf(file->name, sizeof(file->name), "%s", name);
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (!file_read(path, &file->sql))
		return false;
	crypto_hash_sha256(file->sha256, file->sql.data, file->sql.size);
	/* The script goes to the server as a C string. */
	buffer_add(&file->sql, "", 1);
	if (!file->sql.failed && strlen((const char *)file->sql.data) + 1 == file->sql.size &&
		!ends_transaction(&file->sql))
		return true;
	fprintf(stderr, "sangkien: %s: a migration is text and neither commits nor rolls back by itself\n", name);
	return false;
}

static int by_number(const void *a, const void *b)
{
	return strcmp(((const struct migration *)a)->name, ((const struct migration *)b)->name);
}

static bool read_all(struct migrations *found, const char *directory)
{
	DIR *folder = opendir(directory);
	bool good = folder != NULL;

	found->count = 0;
	found->files = calloc(MIGRATIONS_MAX, sizeof(*found->files));
	assert(found->files != NULL);
	if (folder == NULL)
		fprintf(stderr, "sangkien: cannot read %s: %s\n", directory, strerror(errno));
	for (const struct dirent *entry; good && (entry = readdir(folder)) != NULL;)
		if (is_migration(entry->d_name) && found->count < MIGRATIONS_MAX)
			good = read_one(&found->files[found->count++], directory, entry->d_name);
	if (folder != NULL)
		closedir(folder);
	qsort(found->files, found->count, sizeof(*found->files), by_number);
	for (size_t i = 1; good && i < found->count; i++)
		if (found->files[i].number == found->files[i - 1].number) {
			fprintf(stderr, "sangkien: two migrations have one number: %s and %s\n",
				found->files[i - 1].name, found->files[i].name);
			good = false;
		}
	return good;
}

static struct migration *find_number(const struct migrations *files, int32_t number)
{
	for (size_t i = 0; i < files->count; i++)
		if (files->files[i].number == number)
			return &files->files[i];
	return NULL;
}

/* Rolled back: each migration leaves the programs before it able to run. */
static void say_newer(const PGresult *rows, int row)
{
	struct bytes name = pg_get_bytes(rows, row, 1);

	fprintf(stderr, "sangkien: the schema has %.*s, which is newer than this tool; it stays as it is\n",
		(int)name.size, (const char *)name.data);
}

/* What stands in the database must be what the files say. */
static bool match_applied(struct migration *file, const PGresult *rows, int row)
{
	struct bytes sha256 = pg_get_bytes(rows, row, 2), name = pg_get_bytes(rows, row, 1);

	if (file == NULL) {
		fprintf(stderr, "sangkien: the database has migration %.*s, which is not among the files\n",
			(int)name.size, (const char *)name.data);
		return false;
	}
	if (sha256.size != sizeof(file->sha256) || memcmp(sha256.data, file->sha256, sha256.size) != 0) {
		fprintf(stderr,
			"sangkien: %s was changed after it was applied; migrations only go forward: put it back and "
			"add a new file\n",
			file->name);
		return false;
	}
	file->applied = true;
	return true;
}

static int match_all(struct pg *pg, const struct migrations *files)
{
	CLEANUP(pg_result_clear) PGresult *rows = NULL;
	bool later_applied = false;

	pg_params(pg);
	if (pg_run(pg, "SELECT number, name, sha256 FROM migration ORDER BY number", &rows, session_deadline()) !=
		PG_OK) {
		fprintf(stderr, "sangkien: cannot read what was applied: %s\n", pg_error(pg));
		return EXIT_AWAY;
	}
	for (int row = 0; row < PQntuples(rows); row++) {
		int32_t number = pg_get_i32(rows, row, 0);
		bool newer = files->count > 0 && number > files->files[files->count - 1].number;

		if (newer)
			say_newer(rows, row);
		else if (!match_applied(find_number(files, number), rows, row))
			return EXIT_DATA_BAD;
	}
	for (size_t i = files->count; i-- > 0;) {
		later_applied |= files->files[i].applied;
		if (later_applied && !files->files[i].applied) {
			fprintf(stderr, "sangkien: %s comes before one that is applied; give it the next number\n",
				files->files[i].name);
			return EXIT_DATA_BAD;
		}
	}
	return EXIT_OK;
}

static enum pg_status note_applied(struct pg *pg, const struct migration *file)
{
	struct pg_params *p = pg_params(pg);

	pg_i32(p, file->number);
	pg_cstr(p, file->name);
	pg_bytea(p, (struct bytes){file->sha256, sizeof(file->sha256)});
	return pg_run(pg, "INSERT INTO migration (number, name, sha256) VALUES ($1, $2, $3)", NULL, session_deadline());
}

static bool apply_one(struct pg *pg, const struct migration *file)
{
	int64_t deadline = clock_monotonic_ms() + ONE_FILE_MS;
	enum pg_status status = pg_begin(pg, deadline);

	if (status == PG_OK)
		status = pg_script(pg, (const char *)file->sql.data, deadline);
	if (status == PG_OK)
		status = note_applied(pg, file);
	if (status == PG_OK)
		status = pg_commit(pg, deadline);
	if (status == PG_OK)
		return true;
	fprintf(stderr, "sangkien: %s failed, %s: %s %s\n", file->name,
		status == PG_UNKNOWN ? "and whether it is applied is not known (run it again)"
				     : "and nothing of it is applied",
		pg_sqlstate(pg), pg_error(pg));
	pg_rollback(pg, session_deadline());
	return false;
}

/* Two at once: the second waits, and then finds nothing to do. The lock lasts as long as the connection. */
static bool prepare(struct pg *pg)
{
	int64_t deadline = clock_monotonic_ms() + LOCK_WAIT_MS;
	bool locked = pg_script(pg, "SET statement_timeout = 0; SET client_min_messages = warning", deadline) == PG_OK;

	if (locked) {
		pg_i64(pg_params(pg), lock_key);
		locked = pg_run(pg, "SELECT pg_advisory_lock($1)", NULL, deadline) == PG_OK;
	}
	if (locked && pg_script(pg,
			      "CREATE TABLE IF NOT EXISTS migration (number integer PRIMARY KEY, name text NOT NULL, "
			      "sha256 bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())",
			      deadline) == PG_OK)
		return true;
	fprintf(stderr, "sangkien: cannot prepare for migrations: %s\n", pg_error(pg));
	return false;
}

static int apply_all(struct pg *pg, const struct migrations *files, bool quiet)
{
	size_t applied = 0;
	int code = prepare(pg) ? match_all(pg, files) : EXIT_AWAY;

	for (size_t i = 0; code == EXIT_OK && i < files->count; i++) {
		if (files->files[i].applied)
			continue;
		if (!apply_one(pg, &files->files[i])) {
			code = EXIT_DRIFT;
			break;
		}
		applied++;
		if (!quiet)
			printf("applied %s\n", files->files[i].name);
	}
	if (code == EXIT_OK && applied == 0 && !quiet)
		puts("nothing to apply");
	return code;
}

/* The clone's, as far as we may read it; else the run directory's copy. */
static void standard_directory(const struct rundir *run, char directory[RUNDIR_FILE_MAX])
{
	if (run->source[0] != '\0') {
		int size = snprintf(directory, RUNDIR_FILE_MAX, "%s/deploy/schema", run->source);
		if (size < RUNDIR_FILE_MAX && access(directory, R_OK | X_OK) == 0)
			return;
	}
	rundir_file(run, directory, "share/schema");
}

/* Of the files' numbers, those that are applied. */
static bool count_applied(struct pg *pg, const struct migrations *files, size_t *applied)
{
	CLEANUP(pg_result_clear) PGresult *there = NULL, *rows = NULL;

	*applied = 0;
	pg_params(pg);
	if (pg_run(pg, "SELECT to_regclass('migration') IS NOT NULL", &there, session_deadline()) != PG_OK)
		return false;
	if (!pg_get_bool(there, 0, 0))
		return true;
	pg_params(pg);
	if (pg_run(pg, "SELECT number FROM migration", &rows, session_deadline()) != PG_OK)
		return false;
	for (int row = 0; row < PQntuples(rows); row++)
		*applied += find_number(files, pg_get_i32(rows, row, 0)) != NULL;
	return true;
}

bool migrate_is_needed(struct rundir *run, bool *needed)
{
	char directory[RUNDIR_FILE_MAX];
	CLEANUP(migrations_free) struct migrations files = {0};
	size_t applied;

	standard_directory(run, directory);
	if (!read_all(&files, directory))
		return false;
	CLEANUP(pg_close) struct pg *pg = session_open(run, "migrate");
	if (pg == NULL)
		return false;
	if (!count_applied(pg, &files, &applied)) {
		fprintf(stderr, "sangkien: cannot read what was applied: %s\n", pg_error(pg));
		return false;
	}
	*needed = applied < files.count;
	return true;
}

int command_migrate(struct rundir *run, int argc, char **argv)
{
	char standard[RUNDIR_FILE_MAX];
	const char *directory = standard;
	bool quiet = false;
	const struct argument known[] = {{"--from", .text = &directory}, {"--quiet", .flag = &quiet}};
	CLEANUP(migrations_free) struct migrations files = {0};

	if (!arguments_parse(argc, argv, known, ARRAY_LENGTH(known)))
		return EXIT_USAGE_BAD;
	standard_directory(run, standard);
	if (!read_all(&files, directory))
		return EXIT_DATA_BAD;
	CLEANUP(pg_close) struct pg *pg = session_open(run, "migrate");
	return pg == NULL ? EXIT_AWAY : apply_all(pg, &files, quiet);
}
