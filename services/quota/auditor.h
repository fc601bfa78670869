/* The audit in the background: boards in Redis are held against PostgreSQL several times a minute and rebuilt where a
 * row is wrong, and everything is recounted from the decisions as slowly as it takes. One quota at a time does it; what
 * it finds is in its metrics and its log. `sangkien audit` does the same at once and tells the rows. */
#ifndef SANGKIEN_QUOTA_AUDITOR_H
#define SANGKIEN_QUOTA_AUDITOR_H

#include "common/domain/reference.h"
#include "services/quota/board_store.h"

struct auditor;

struct auditor_options {
	struct service *service; /* its metrics, and the holder's name */
	struct reference_source *reference;
	const char *conninfo;
	struct board_store *store; /* the auditor's from now on */
	uint32_t boards_ms;        /* from the beginning of a look at all boards to the next */
	uint32_t recount_ms;       /* from the end of a recount to the next */
	uint32_t rest;             /* a step of a recount is followed by a rest of as many times its length */
};

struct auditor *auditor_open(const struct auditor_options *options) MUST_CHECK;
void auditor_close(struct auditor **auditor);

#endif
