/* The words of notices: files of deploy/notices, one a language, read once. */
#ifndef SANGKIEN_NOTIFICATION_TEMPLATES_H
#define SANGKIEN_NOTIFICATION_TEMPLATES_H

#include "common/domain/notices.h"
#include "common/domain/status.h"
#include "services/notification/values.h"

enum { TEMPLATE_LANGUAGES = 2, TEMPLATE_STATUSES = STATUS_REVOKED + 1 };

struct template
{
	const char *subject, *text, *brief; /* patterns; the brief one becomes a short_text() */
};
struct template_words {
	const char *statuses[TEMPLATE_STATUSES];
	const char *initiatives, *people; /* what a target counts */
	const char *whole;                /* the period of the whole campaign */
	const char *laggard; /* a line of a list; its words are unit, unit_name, counted, target, percent */
	struct template by_event[NOTICE_EVENTS];
};

struct templates;

/* `directory` has vi.yaml and en.yaml. NULL with a line "FILE:LINE: what; how to mend" a fault. */
struct templates *templates_load(const char *directory, struct buffer *faults) MUST_CHECK;
void templates_free(struct templates **templates);
const struct template_words *templates_words(const struct templates *templates, bool english);

#endif
