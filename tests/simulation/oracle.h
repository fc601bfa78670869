/* Whether what happened was right. The oracle reads the committed rows and the answers that clients got, and recounts
 * by itself: it has its own tree, its own way of counting people and its own knowledge of which texts are copies. */
#ifndef SANGKIEN_SIMULATION_ORACLE_H
#define SANGKIEN_SIMULATION_ORACLE_H

#include "common/runtime/base.h"

enum { SUBMISSIONS_MAX = 256 };

/* A submission as its client means it. */
struct meant {
	uint32_t text; /* texts of the same number are exact copies */
	uint32_t base; /* of the same base, near copies */
	uint32_t person, unit;
	bool valid;
	char description[700]; /* as it is sent */
};

/* Laws 2, 3, 4 and 6, after each commit. */
void oracle_on_commit(void);
/* Laws 1 and 6: a receipt was given for what this client meant. `instants` are those of its requests that were read. */
void oracle_on_receipt(const struct meant *meant, const struct id128 *id, const int64_t *instants, size_t count);
void oracle_on_refusal(int64_t received_at); /* 403 */
void oracle_on_review(const struct id128 *id, uint32_t revision, uint32_t status);
void oracle_on_board(const char *json); /* law 5 */
/* Law 10. */
void oracle_saw(struct bytes what, const char *where);

void oracle_know(const struct meant *meant); /* before it is sent */
extern int64_t oracle_closes_at;

void oracle_tell(void); /* every submission, where the run was asked to tell */
size_t oracle_undecided(void);
bool oracle_board_is_level(void); /* Redis has what PostgreSQL has, row for row */
/* At the end, when nothing moves any more. */
void oracle_at_end(uint32_t crashes);
/* A decided submission, at random; false: there is none. */
bool oracle_pick(uint32_t chance, struct id128 *id);

#endif
