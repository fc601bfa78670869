/* A submission's fields as intake read them, and the message made of them. */
#ifndef SANGKIEN_INTAKE_SUBMISSION_H
#define SANGKIEN_INTAKE_SUBMISSION_H

#include "common/domain/status.h"
#include "common/runtime/buffer.h"

enum { PERSON_SIZE = 16, TRACE_PARENT_SIZE = 56 /* with NUL */ };

/* Clean texts, borrowed; empty: not given. Days count from 1970-01-01. */
struct submission_fields {
	struct bytes full_name, phone /* E.164 */, national_id; /* personal: never past the seal (law 10) */
	struct bytes unit;                                      /* its code */
	enum submission_block block;
	struct bytes category, kind, title, description, recognized_by, benefit_social, evidence_url;
	bool has_applied_on, has_recognized_on, has_accepted_on, has_benefit_vnd, has_received_at;
	bool ip_protected, lead_author;
	int32_t applied_on, recognized_on, accepted_on;
	int64_t benefit_vnd;
	int64_t received_at; /* microseconds; an operator's, in a batch */
	uint32_t authors;
};

/* What is known of it besides. */
struct submission {
	struct id128 id;
	uint32_t campaign, unit;
	int64_t received_at; /* microseconds since 1970 (law 6) */
	uint8_t person[PERSON_SIZE];
	bool has_national_id;
	struct submission_fields fields; /* without the personal ones */
};

/* Appends the encoded SubmissionReceived; `body` fails sticky. */
void submission_pack(const struct submission *submission, struct buffer *body);

/* The W3C trace of a request: `given` where it is a valid traceparent, else one of our own. */
void trace_parent_take(const char *given, char trace_parent[TRACE_PARENT_SIZE]);

#endif
