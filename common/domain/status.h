/* Words of the contract that services share. */
#ifndef SANGKIEN_DOMAIN_STATUS_H
#define SANGKIEN_DOMAIN_STATUS_H

#include "common/runtime/base.h"

/* Stored as smallint in decision.status; never renumbered. */
enum submission_status {
	STATUS_RECEIVED = 0, /* no decision yet: never stored */
	STATUS_UNDER_REVIEW = 1,
	STATUS_COUNTED = 2,
	STATUS_REJECTED = 3,
	STATUS_DUPLICATE = 4,
	STATUS_REVOKED = 5,
};
const char *status_name(enum submission_status status); /* "under_review" */
bool status_parse(const char *name, enum submission_status *status) MUST_CHECK;
bool status_is_final(enum submission_status status); /* for tracking's event stream: all but received, under_review */

/* R2. Stored as smallint. */
enum submission_block { BLOCK_NONE = 0, BLOCK_ENTERPRISE = 1, BLOCK_PUBLIC = 2 };
const char *block_name(enum submission_block block); /* "enterprise" */
bool block_parse(const char *name, enum submission_block *block) MUST_CHECK;

/* Who a decision came from. Stored as smallint. */
enum decided_by { DECIDED_BY_MACHINE = 0, DECIDED_BY_REVIEWER = 1, DECIDED_BY_CONSEQUENCE = 2 };

/* A reason's words, saying how to mend it. `code` of the contract; unknown codes give the code itself. */
const char *reason_text(const char *code, const char *field, bool english);

#endif
