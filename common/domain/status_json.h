/* The status object of the contract: what tracking answers, and a receipt that waited for its verdict. Personal data
 * has no place in it (law 10). */
#ifndef SANGKIEN_DOMAIN_STATUS_JSON_H
#define SANGKIEN_DOMAIN_STATUS_JSON_H

#include "common/domain/status.h"
#include "common/runtime/buffer.h"

struct status_change {
	enum submission_status status;
	int64_t at; /* microseconds since 1970 */
};

struct status_report { /* borrowed */
	struct id128 id;
	const char *campaign;
	struct bytes unit; /* code */
	enum submission_status status;
	struct bytes reasons; /* "code field;code field", as decision.reasons */
	uint32_t phase;       /* 0: null */
	int64_t received_at;
	int64_t decided_at; /* 0: null */
	const double *similar;
	size_t similar_count;
	const struct status_change *history; /* oldest first */
	size_t history_count;
};

/* Appends the members without the braces around them, so that a caller may add its own. */
void status_json(const struct status_report *report, bool english, struct buffer *out);

#endif
