/* Hands reviews to quota and brings back what became of them. A thread looks each submission up in PostgreSQL (is it
 * there, is it below the token's unit, which revision is the newest); the service's loop has the edge. */
#ifndef SANGKIEN_INTAKE_REVIEW_DESK_H
#define SANGKIEN_INTAKE_REVIEW_DESK_H

#include "common/domain/reference.h"
#include "common/edge/sender.h"
#include "services/intake/review.h"

enum { REVIEWS_MAX = 512 /* under way at once, those that nobody waits for any more included */ };

struct review_desk;

struct review_desk_options {
	struct service *service;
	const char *conninfo;
	const char *endpoint; /* INTAKE_REVIEWS */
	const struct curve_keys *keys;
	struct reference_source *reference;
	uint32_t greeting_ms;         /* not ready before a quota is connected, but not for longer than this */
	struct mailbox *http_mailbox; /* with room for REVIEWS_MAX: each review comes back there */
};

struct review_desk *review_desk_open(const struct review_desk_options *options) MUST_CHECK;
/* What has not come back is whoever's who listed it. */
void review_desk_close(struct review_desk **desk);

/* HTTP thread: at most REVIEWS_MAX at once. */
void review_desk_push(struct review_desk *desk, struct review *review);

#endif
