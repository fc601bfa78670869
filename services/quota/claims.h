/* The places of texts: exact_text has, for each text within its scope, the one copy that counts or is under review
 * (law 3). Whoever needs a place to stay as it is locks its row; rows are always locked in key order, and before any
 * decision's row. */
#ifndef SANGKIEN_QUOTA_CLAIMS_H
#define SANGKIEN_QUOTA_CLAIMS_H

#include "services/quota/copies.h"
#include "services/quota/transaction.h"

/* Takes each text's place for its earliest member, or finds and locks who holds it. PG_RETRY: a place was given up
 * just now, or its holder is one of the members: another instance was faster. */
enum pg_status claims_take(struct transaction *transaction, struct docket *docket) MUST_CHECK;

/* After the ruling: places taken for nothing are given back, those of displaced holders change hands. */
enum pg_status claims_settle(struct transaction *transaction, const struct docket *docket) MUST_CHECK;

/* The texts that stand in the index, which is rebuilt from there: all that were signed but plain copies of a text that
 * holds its place, which would only crowd the index. Such a copy inherits a signature when it comes to stand. */
enum pg_status claims_sign(struct transaction *transaction, const struct docket *docket) MUST_CHECK;

#endif
