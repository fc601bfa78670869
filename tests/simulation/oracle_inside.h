/* What the parts of the oracle share: submissions as their rows say, and the recount of every version. */
#ifndef SANGKIEN_SIMULATION_ORACLE_INSIDE_H
#define SANGKIEN_SIMULATION_ORACLE_INSIDE_H

#include "tests/simulation/database.h"
#include "tests/simulation/oracle.h"

enum {
	UNITS = 8, /* 1 … 7 */
	PHASES = 3,
	VERSIONS_MAX = 8192,
	PERSONS_MAX = 64,
	BY_MACHINE = 0,
	BY_REVIEWER = 1,
	UNDER_REVIEW = 1,
	COUNTED = 2,
	REJECTED = 3,
	DUPLICATE = 4,
	REVOKED = 5,
	QUARANTINE_CRASHES = 3, /* a worker must have gone that often with an item before it is poison */
};

struct figures {
	int64_t entered, by[REVOKED + 1], people;
};

struct count {
	struct figures at[UNITS][PHASES];
};

/* One submission as its rows say. */
struct seen {
	const struct cell *submission;
	const struct meant *meant;
	const struct cell *latest; /* NULL: undecided */
	int64_t revisions;
	bool by_person; /* a reviewer has decided on it at any time */
};

/* oracle_rows.c: submissions with their latest decisions, in the order of ids. */
extern struct seen oracle_seen[SUBMISSIONS_MAX];
extern size_t oracle_seen_count;
void oracle_take_submissions(void);
void oracle_take_decisions(void);

/* oracle_totals.c */
void oracle_recount(struct count *count);
void oracle_compare(const struct count *count); /* with what is stored */

/* oracle_copies.c */
void oracle_check_copies(void);   /* no two stand */
void oracle_check_earliest(void); /* once all are decided: no copy stands behind one that was received later */

extern const uint32_t oracle_parent_of[UNITS];     /* 0: the root, or no unit */
extern struct count *oracle_history[VERSIONS_MAX]; /* by version of the board */
extern int64_t oracle_newest;
#define EPOCH_2000_US INT64_C(946684800000000)

const struct meant *oracle_meant_by(struct cell description);
const char *oracle_name_of(struct cell id); /* of the latest four that were asked for */

#endif
