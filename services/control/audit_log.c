#include "services/control/audit_log.h"

#include "common/domain/audit_chain.h"
#include "services/control/audit_checks.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { PAGE_ROWS = 5000, GONE_LISTED = 100 };

static const char page_sql[] =
	"SELECT number, at, token_id, submission_id, campaign_id, revision, status_from, status_to, act, reason, "
	"previous, hash FROM audit_log WHERE number > $1 ORDER BY number LIMIT $2";

struct walk {
	struct audit_report *report;
	int64_t last; /* number of the row before; 0: none */
	uint8_t hash[AUDIT_HASH_SIZE];
	uint64_t rows;
};

static void complain_of(struct walk *walk, int64_t number, const char *what)
{
	struct drift drift = {.campaign = "-", .unit = "-", .expected = number, .found = 0};

	snprintf(drift.what, sizeof(drift.what), "row %" PRId64 " %s", number, what);
	audit_report_drift(walk->report, &drift);
}

/* All before `next` that are not there. */
static void miss(struct walk *walk, int64_t next)
{
	int64_t gone = next - walk->last - 1;

	for (int64_t i = 0; i < gone && i < GONE_LISTED; i++)
		complain_of(walk, walk->last + 1 + i, "is gone");
	if (gone > GONE_LISTED)
		audit_report_more(walk->report, (uint64_t)(gone - GONE_LISTED));
}

static struct audit_entry read_entry(const PGresult *rows, int row)
{
	return (struct audit_entry){.number = pg_get_i64(rows, row, 0),
		.at = pg_get_instant(rows, row, 1),
		.token = pg_get_uuid(rows, row, 2),
		.submission = pg_get_uuid(rows, row, 3),
		.campaign = (uint32_t)pg_get_i16(rows, row, 4),
		.revision = (uint32_t)pg_get_i32(rows, row, 5),
		.from = (enum submission_status)pg_get_i16(rows, row, 6),
		.to = (enum submission_status)pg_get_i16(rows, row, 7),
		.act = pg_get_bytes(rows, row, 8),
		.reason = pg_get_bytes(rows, row, 9)};
}

static bool is_hash(struct bytes given, const uint8_t hash[AUDIT_HASH_SIZE])
{
	return given.size == AUDIT_HASH_SIZE && memcmp(given.data, hash, AUDIT_HASH_SIZE) == 0;
}

/* Behind a gap there is nothing to hold a row's `previous` against but the row itself. */
static void take_row(struct walk *walk, const PGresult *rows, int row)
{
	const struct audit_entry entry = read_entry(rows, row);
	struct bytes previous = pg_get_bytes(rows, row, 10), stored = pg_get_bytes(rows, row, 11);
	uint8_t hash[AUDIT_HASH_SIZE];
	bool follows = entry.number == walk->last + 1;

	miss(walk, entry.number);
	if (previous.size == AUDIT_HASH_SIZE)
		audit_chain_hash(previous.data, &entry, hash);
	if (previous.size != AUDIT_HASH_SIZE || !is_hash(stored, hash))
		complain_of(walk, entry.number, "was changed");
	else if (follows && !is_hash(previous, walk->hash))
		complain_of(walk, entry.number, "does not follow the one before");
	walk->last = entry.number;
	memset(walk->hash, 0, sizeof(walk->hash));
	if (stored.size == AUDIT_HASH_SIZE)
		memcpy(walk->hash, stored.data, AUDIT_HASH_SIZE);
	walk->rows++;
}

static bool fail(const struct pg *pg)
{
	fprintf(stderr, "sangkien: the audit of the log was cut off: %s %s\n", pg_sqlstate(pg), pg_error(pg));
	return false;
}

/* `count`: rows of this page. */
static bool take_page(struct pg *pg, struct walk *walk, int *count)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	struct pg_params *p = pg_params(pg);

	pg_i64(p, walk->last);
	pg_i64(p, PAGE_ROWS);
	if (pg_run(pg, page_sql, &rows, audit_deadline()) != PG_OK)
		return fail(pg);
	*count = PQntuples(rows);
	for (int row = 0; row < *count; row++)
		take_row(walk, rows, row);
	return true;
}

/* Rows cut off at the end leave a chain that is whole: the head tells. */
static bool take_head(struct pg *pg, struct walk *walk)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	int64_t last = walk->last;

	pg_params(pg);
	if (pg_run(pg, "SELECT number, hash FROM audit_head", &rows, audit_deadline()) != PG_OK)
		return fail(pg);
	if (PQntuples(rows) != 1) {
		complain_of(walk, last, "is the last, but the head is gone");
		return true;
	}
	int64_t head = pg_get_i64(rows, 0, 0);
	if (head > last)
		miss(walk, head + 1);
	else if (head < last)
		complain_of(walk, head + 1, "lies beyond the head");
	else if (!is_hash(pg_get_bytes(rows, 0, 1), walk->hash))
		complain_of(walk, last, "is not what the head was set to");
	return true;
}

bool audit_log_check(struct pg *pg, struct audit_report *report)
{
	struct walk walk = {.report = report};
	int count;

	audit_report_check(
		report, "audit_log", "the log of reviews is whole and unchanged, row by row and to its head");
	do {
		if (!take_page(pg, &walk, &count))
			return false;
	} while (count == PAGE_ROWS);
	if (!take_head(pg, &walk))
		return false;
	report->log_rows = walk.rows;
	sodium_bin2hex(report->log_head, sizeof(report->log_head), walk.hash, sizeof(walk.hash));
	return true;
}
