/* What stands for the words of a template or a gateway's pattern, and how it is escaped where it comes to stand. Pure.
 */
#ifndef SANGKIEN_NOTIFICATION_VALUES_H
#define SANGKIEN_NOTIFICATION_VALUES_H

#include "common/runtime/buffer.h"

enum { VALUES_MAX = 40 };

struct values {
	struct {
		const char *word; /* "phone" */
		struct bytes text;
	} rows[VALUES_MAX];
	size_t count;
};

/* Both are borrowed. A word that is set again has the new text. */
void values_set(struct values *values, const char *word, struct bytes text);
void values_set_text(struct values *values, const char *word, const char *text);
/* Empty where it was not set. */
struct bytes values_get(const struct values *values, const char *word, size_t size);

enum escape {
	ESCAPE_NONE,   /* a text for people */
	ESCAPE_URL,    /* RFC 3986: all but unreserved characters are percent-encoded */
	ESCAPE_JSON,   /* within the quotes of a JSON string */
	ESCAPE_FORM,   /* application/x-www-form-urlencoded */
	ESCAPE_HEADER, /* what is not printable ASCII is left out */
};

/* Appends the pattern with each "{word}" replaced; other braces are text. */
void values_expand(const struct values *values, const char *pattern, enum escape escape, struct buffer *out);
void values_escape(struct bytes text, enum escape escape, struct buffer *out);

#endif
