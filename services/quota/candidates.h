/* What texts are under review for: table `candidate`, for the person who looks at them (R18). */
#ifndef SANGKIEN_QUOTA_CANDIDATES_H
#define SANGKIEN_QUOTA_CANDIDATES_H

#include "services/quota/transaction.h"
#include "services/quota/verdict.h"

/* Of those that this transaction decides. */
enum pg_status candidates_add(struct transaction *transaction, const struct verdict *verdicts, size_t count) MUST_CHECK;

#endif
