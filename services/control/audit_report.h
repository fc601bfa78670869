/* What an audit has found: the rows where what stands differs from what a recount gives. */
#ifndef SANGKIEN_CONTROL_AUDIT_REPORT_H
#define SANGKIEN_CONTROL_AUDIT_REPORT_H

#include "common/runtime/buffer.h"

enum {
	DRIFT_ROWS_MAX = 1000, /* kept for printing; all are counted */
	DRIFT_WORD_SIZE = 48,
	AUDIT_CHECKS_MAX = 32,
	LOG_HEAD_SIZE = 65,
};

struct drift {
	char campaign[DRIFT_WORD_SIZE], unit[DRIFT_WORD_SIZE], what[DRIFT_WORD_SIZE];
	int phase; /* 0: the whole campaign */
	int64_t expected, found;
};
struct audited { /* one check */
	const char *name, *meaning;
	uint64_t drifts;
};
struct audit_report {
	struct audited checks[AUDIT_CHECKS_MAX];
	size_t check_count;
	struct drift rows[DRIFT_ROWS_MAX]; /* in the order of the checks */
	uint8_t row_check[DRIFT_ROWS_MAX];
	size_t row_count;
	struct buffer campaigns_text, campaigns_json, boards_text, boards_json;
	uint64_t log_rows;            /* of the log of reviews */
	char log_head[LOG_HEAD_SIZE]; /* hash of its last row, in hexadecimal: to be noted elsewhere */
	bool redis_away;              /* its boards could not be compared */
};

void audit_report_deinit(struct audit_report *report);

/* The check that drifts are counted under from now on. */
void audit_report_check(struct audit_report *report, const char *name, const char *meaning);
/* Copied, as far as there is room for it. */
void audit_report_drift(struct audit_report *report, const struct drift *drift);
/* Where more rows were counted than listed. */
void audit_report_more(struct audit_report *report, uint64_t drifts);

uint64_t audit_report_drifts(const struct audit_report *report);
void audit_report_print(const struct audit_report *report, bool json);

#endif
