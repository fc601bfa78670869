#include "services/quota/candidates.h"

static const char add_sql[] = "COPY candidate (submission_id, place, resembles, score) FROM STDIN (FORMAT binary)";
enum { COLUMNS = 4 };

/* One that was decided before has them from then. */
static bool is_new(const struct verdict *verdict)
{
	return verdict->fate == FATE_DECIDED && verdict->decision.decided_at == 0 &&
	       verdict->decision.status == STATUS_UNDER_REVIEW;
}

static void put_rows(struct pg *pg, const struct verdict *verdict)
{
	for (size_t i = 0; i < verdict->candidate_count; i++) {
		struct pg_params *p = pg_copy_row(pg, COLUMNS);

		pg_uuid(p, &verdict->id);
		pg_i16(p, (int16_t)(i + 1));
		pg_uuid(p, &verdict->candidates[i].id);
		pg_real(p, verdict->candidates[i].score);
	}
}

enum pg_status candidates_add(struct transaction *transaction, const struct verdict *verdicts, size_t count)
{
	struct pg *pg = transaction->pg;
	enum pg_status status;
	size_t rows = 0;

	for (size_t i = 0; i < count; i++)
		rows += is_new(&verdicts[i]) ? verdicts[i].candidate_count : 0;
	if (rows == 0)
		return PG_OK;
	status = pg_copy_begin(pg, add_sql, transaction->deadline_ms);
	if (status != PG_OK)
		return status;
	for (size_t i = 0; i < count; i++)
		if (is_new(&verdicts[i]))
			put_rows(pg, &verdicts[i]);
	return transaction_copy_end(transaction);
}
