/* The inside of shape.c and shape_fields.c: one field being read. */
#ifndef SANGKIEN_INTAKE_SHAPE_READING_H
#define SANGKIEN_INTAKE_SHAPE_READING_H

#include "services/intake/shape.h"

struct shaper {
	struct arena *arena;
	struct buffer text; /* scratch */
};

struct reading {
	struct shaper *shaper;
	struct shape *shape;
	const struct json_member *member; /* NULL: not given */
	const char *name;
	int64_t received_at_max;
	size_t texts_bytes; /* of all clean texts so far */
	void *target;       /* of readers whose fields are not a submission's */
};

/* An error of this field. Always false, so that a rule can end with it. */
bool reading_refuse(struct reading *reading, const char *code);
/* A text in its stored form; empty where it is not given or nothing but white space. False: an error was added. */
bool reading_text(struct reading *reading, struct bytes *text);
/* A text of one line: what was pasted over several lines stands on one. */
bool reading_line(struct reading *reading, struct bytes *text, size_t characters_max);

struct field_reader {
	const char *name;
	void (*read)(struct reading *reading);
};
enum { FIELD_READERS = 21 };
extern const struct field_reader FIELD_READER[FIELD_READERS]; /* in the contract's order */

/* Reads one JSON object by a table of at most FIELD_READERS: each reader once, in its order, then what no reader knows.
 * `reading` has its shape, without errors yet, and its shaper, whose memory is begun anew. */
enum json_fault reading_object(
	struct reading *reading, struct bytes body, const struct field_reader *readers, size_t count) MUST_CHECK;

#endif
