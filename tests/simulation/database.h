/* A model of PostgreSQL's tables: rows with all their committed versions, row locks held until the end, READ COMMITTED
 * with a snapshot a statement, REPEATABLE READ with one a transaction. Cells are the octets of the wire, so that a key
 * is compared by memcmp() as the real index compares what the services store (ids, texts, numbers that are not
 * negative). */
#ifndef SANGKIEN_SIMULATION_DATABASE_H
#define SANGKIEN_SIMULATION_DATABASE_H

#include "common/runtime/pg.h"
#include "tests/simulation/world.h"

enum table_name {
	SUBMISSION,
	IDEMPOTENCY_KEY,
	DECISION,
	EXACT_TEXT,
	SIGNATURE,
	CANDIDATE,
	PERSON,
	PARTICIPATION,
	UNIT_TOTAL,
	UNIT_DAY,
	BOARD,
	AUDIT_LOG,
	AUDIT_HEAD,
	INDEX_SHARD,
	ROLE_LEASE,
	QUARANTINE,
	FREQUENCY_SNAPSHOT,
	ADVISORY_LOCK,
	TABLE_COUNT
};

/* Columns; those of the key come first. */
enum {
	S_ID,
	S_CAMPAIGN,
	S_UNIT,
	S_RECEIVED_AT,
	S_PERSON,
	S_SEALED,
	S_BLOCK,
	S_CATEGORY,
	S_KIND,
	S_TITLE,
	S_DESCRIPTION,
	S_APPLIED_ON,
	S_RECOGNIZED_ON,
	S_RECOGNIZED_BY,
	S_BENEFIT_VND,
	S_BENEFIT_SOCIAL,
	S_EVIDENCE_URL,
	S_IP_PROTECTED,
	S_AUTHORS,
	S_LEAD_AUTHOR,
	S_ACCEPTED_ON,
	S_HAS_NATIONAL_ID,
	S_ENTERED_BY,
	S_TRACE_PARENT,
	S_COLUMNS
};
enum { K_CAMPAIGN, K_KEY, K_DIGEST, K_SUBMISSION, K_RECEIVED_AT, K_COLUMNS };
enum {
	D_ID,
	D_REVISION,
	D_CAMPAIGN,
	D_UNIT,
	D_STATUS,
	D_PHASE,
	D_RULES,
	D_REASONS,
	D_DUPLICATE_OF,
	D_SCORE,
	D_DECIDED_BY,
	D_DECIDED_AT,
	D_COLUMNS
};
enum { E_CAMPAIGN, E_SCOPE, E_DIGEST, E_SUBMISSION, E_RECEIVED_AT, E_COLUMNS };
enum { G_SUBMISSION, G_CAMPAIGN, G_SCOPE, G_EXACT_SCOPE, G_RECEIVED_AT, G_DIGEST, G_SKETCH, G_SNAPSHOT, G_COLUMNS };
enum { W_SUBMISSION, W_PLACE, W_RESEMBLES, W_SCORE, W_COLUMNS };
enum { P_CAMPAIGN, P_PERSON, P_COLUMNS };
enum { R_CAMPAIGN, R_PERSON, R_UNIT, R_PHASE, R_DAY, R_COUNTED, R_COLUMNS };
enum {
	T_CAMPAIGN,
	T_UNIT,
	T_PHASE,
	T_ENTERED,
	T_UNDER_REVIEW,
	T_COUNTED,
	T_REJECTED,
	T_DUPLICATE,
	T_REVOKED,
	T_PEOPLE,
	T_COLUMNS
};
enum { Y_CAMPAIGN, Y_UNIT, Y_DAY, Y_PHASE, Y_COUNTED, Y_PEOPLE, Y_NEWCOMERS, Y_COLUMNS };
enum { B_CAMPAIGN, B_VERSION, B_COLUMNS };
enum {
	A_NUMBER,
	A_ACT,
	A_CAMPAIGN,
	A_SUBMISSION,
	A_REVISION,
	A_FROM,
	A_TO,
	A_PREVIOUS,
	A_HASH,
	A_AT,
	A_TOKEN,
	A_REASON,
	A_COLUMNS
};
enum { H_ONE, H_NUMBER, H_HASH, H_COLUMNS };
enum { I_SHARD, I_EPOCH, I_OWNER, I_COLUMNS };
enum { L_ROLE, L_EPOCH, L_HOLDER, L_EXPIRES, L_COLUMNS };
enum { Q_SUBMISSION, Q_STAGE, Q_REASON, Q_COLUMNS };
enum { F_NUMBER, F_DOCUMENTS, F_COUNTERS, F_COLUMNS };
enum { COLUMNS_MAX = 24, KEY_MAX = 5 };

struct cell {
	int32_t size; /* -1: NULL */
	const uint8_t *data;
};
struct cell cell_copy(struct cell from);
struct cell cell_number(int64_t value, int32_t size); /* 2, 4 or 8 octets */
struct cell cell_text(const char *text);
int64_t cell_value(struct cell cell); /* of a number of any width */
bool cell_equal(struct cell a, struct cell b);
int cell_compare(struct cell a, struct cell b);

struct version {
	uint64_t commit;
	const struct cell *cells; /* NULL: deleted */
	struct version *before;
};

struct row {
	const struct cell *key;
	struct version *newest; /* committed; NULL: none yet */
	struct transaction_model *writer;
	const struct cell *pending; /* of the writer; NULL: it deletes */
	struct transaction_model *exclusive;
	struct transaction_model *sharing[16];
	size_t sharing_count;
	struct waiters waiters;
};

struct table {
	size_t key, columns;
	struct row **rows;
	size_t count, capacity;
};
extern struct table tables[TABLE_COUNT];

struct transaction_model {
	uint64_t number;
	bool one_snapshot; /* REPEATABLE READ */
	uint64_t snapshot; /* commits that it sees; 0: not taken yet */
	bool over, broken; /* broken: its session is gone; nothing it waits for will help it */
	struct row *waits;
	struct row **held;
	size_t held_count, held_capacity;
	bool wrote;
};

void database_begin(void);
struct transaction_model *transaction_begin(bool one_snapshot);
void transaction_statement(struct transaction_model *transaction); /* a new statement sees what is committed now */
void transaction_commit(struct transaction_model *transaction);
void transaction_abort(struct transaction_model *transaction);

/* As this transaction sees it; NULL: there is none. `row` may be NULL. */
const struct cell *row_seen(const struct transaction_model *transaction, const struct row *row);
/* The latest committed, or its own: what a locked row is. */
const struct cell *row_latest(const struct transaction_model *transaction, const struct row *row);
struct row *table_find(enum table_name table, const struct cell *key); /* NULL: never was */
struct row *table_place(enum table_name table, const struct cell *key);
enum lock_mode { LOCK_SHARE, LOCK_UPDATE };
enum pg_status row_lock(
	struct transaction_model *transaction, struct row *row, enum lock_mode mode, int64_t until) MUST_CHECK;
/* The row must be locked; `cells` are copied, NULL deletes. */
void row_write(struct transaction_model *transaction, enum table_name table, struct row *row, const struct cell *cells);
const struct cell *row_now(const struct row *row); /* committed, for the oracle */

#endif
