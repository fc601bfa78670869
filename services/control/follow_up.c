#include "services/control/follow_up.h"

#include "common/runtime/clock.h"
#include "services/control/session.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_EVERY_MS = 500 };

/* '.' comes right after '-', so the range holds the key's own chunks alone; the newest revision is the decision. */
static const char COUNT[] =
	"SELECT coalesce(d.status, 0::smallint), q.submission_id IS NOT NULL AND d.status IS NULL, count(*) "
	"FROM idempotency_key k "
	"LEFT JOIN LATERAL (SELECT status FROM decision WHERE submission_id = k.submission_id ORDER BY revision DESC "
	"LIMIT 1) d ON true "
	"LEFT JOIN LATERAL (SELECT submission_id FROM quarantine WHERE submission_id = k.submission_id AND released_at "
	"IS NULL LIMIT 1) q "
	"ON true WHERE k.campaign_id = $1 AND k.key >= $2 AND k.key < $3 GROUP BY 1, 2";

bool follow_up_read(struct pg *pg, uint32_t campaign_id, const char *key, struct follow_up *found)
{
	PGresult *rows CLEANUP(pg_result_clear) = NULL;
	char from[128], to[128];
	snprintf(from, sizeof(from), "%s-", key);
	snprintf(to, sizeof(to), "%s.", key);
	*found = (struct follow_up){0};
	struct pg_params *p = pg_params(pg);
	pg_i16(p, (int16_t)campaign_id);
	pg_cstr(p, from);
	pg_cstr(p, to);
	if (!pg_ready(pg, session_deadline()) || pg_run(pg, COUNT, &rows, session_deadline()) != PG_OK)
		return false;
	for (int row = 0; row < PQntuples(rows); row++) {
		int16_t status = pg_get_i16(rows, row, 0);
		uint64_t count = (uint64_t)pg_get_i64(rows, row, 2);
		assert(status >= 0 && status <= STATUS_REVOKED);
		found->stored += count;
		if (pg_get_bool(rows, row, 1))
			found->quarantined += count;
		else
			found->by_status[status] += count;
	}
	return true;
}

bool follow_up_await(struct pg *pg, uint32_t campaign_id, const char *key, uint32_t patience_s, struct follow_up *found)
{
	uint64_t least_pending = UINT64_MAX;
	int64_t progress_ms = clock_monotonic_ms();
	bool shows = isatty(STDERR_FILENO) == 1;
	while (clock_monotonic_ms() - progress_ms < (int64_t)patience_s * 1000) {
		if (follow_up_read(pg, campaign_id, key, found)) {
			uint64_t pending = found->by_status[STATUS_RECEIVED];
			if (pending == 0)
				return true;
			if (pending < least_pending)
				progress_ms = clock_monotonic_ms();
			least_pending = pending < least_pending ? pending : least_pending;
			if (shows)
				fprintf(stderr, "\r%llu not yet decided   ", (unsigned long long)pending);
		}
		usleep(LOOK_EVERY_MS * 1000);
	}
	fprintf(stderr, "\nsangkien: %llu have no decision, and nothing moved for %u s\n",
		(unsigned long long)found->by_status[STATUS_RECEIVED], patience_s);
	return false;
}

void follow_up_print(const struct follow_up *found)
{
	printf("  %-14s %10llu\n", "stored", (unsigned long long)found->stored);
	for (int status = STATUS_UNDER_REVIEW; status <= STATUS_REVOKED; status++)
		printf("  %-14s %10llu\n", status_name((enum submission_status)status),
			(unsigned long long)found->by_status[status]);
	printf("  %-14s %10llu\n  %-14s %10llu\n", "quarantined", (unsigned long long)found->quarantined, "pending",
		(unsigned long long)found->by_status[STATUS_RECEIVED]);
}

void follow_up_print_json(const struct follow_up *found)
{
	printf("\"stored\":%llu", (unsigned long long)found->stored);
	for (int status = STATUS_UNDER_REVIEW; status <= STATUS_REVOKED; status++)
		printf(",\"%s\":%llu", status_name((enum submission_status)status),
			(unsigned long long)found->by_status[status]);
	printf(",\"quarantined\":%llu,\"pending\":%llu", (unsigned long long)found->quarantined,
		(unsigned long long)found->by_status[STATUS_RECEIVED]);
}
