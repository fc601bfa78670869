/* Hands questions to deduplication and brings back the answers. On the service's loop. */
#ifndef SANGKIEN_INTAKE_QUESTION_DESK_H
#define SANGKIEN_INTAKE_QUESTION_DESK_H

#include "common/edge/sender.h"
#include "services/intake/question.h"

enum { QUESTIONS_MAX = 64 /* under way at once, those that nobody waits for any more included */ };

struct question_desk;

struct question_desk_options {
	struct service *service;
	const char *endpoint; /* INTAKE_QUESTIONS */
	const struct curve_keys *keys;
	struct mailbox *http_mailbox; /* with room for QUESTIONS_MAX: each question comes back there */
};

struct question_desk *question_desk_open(const struct question_desk_options *options) MUST_CHECK;
/* What has not come back is whoever's who listed it. */
void question_desk_close(struct question_desk **desk);

/* HTTP thread: at most QUESTIONS_MAX at once. */
void question_desk_push(struct question_desk *desk, struct question *question);

#endif
