/* JSON → fields: everything about a submission that needs no campaign (the contract's 400 and 422). Pure. */
#ifndef SANGKIEN_INTAKE_SHAPE_H
#define SANGKIEN_INTAKE_SHAPE_H

#include "services/intake/json_object.h"
#include "services/intake/submission.h"

enum {
	BODY_BYTES_MAX = 64 * 1024,
	TEXTS_BYTES_MAX =
		80 * 1024,     /* all clean texts of one submission: it must fit a message (WIRE_ITEM_BYTES_MAX) */
	SHAPE_ERRORS_MAX = 64, /* more are not listed */
};

struct field_error {
	struct bytes field; /* at most 64 bytes of its name */
	const char *code;   /* the contract's word */
};

struct shape {
	struct submission_fields fields;
	struct field_error errors[SHAPE_ERRORS_MAX];
	size_t error_count;
};

struct shaper; /* the memory of one shape at a time */

struct shaper *shaper_new(void) MUST_CHECK;
void shaper_free(struct shaper **shaper);

/* Reads one submission; `shape` borrows from `body` and from the shaper until its next call. `received_at_max` is the
 * latest `received_at` an operator's line may bear; 0: the field is unknown there. Not JSON_OK: nothing of it is known.
 */
enum json_fault shape_read(
	struct shaper *shaper, struct bytes body, int64_t received_at_max, struct shape *shape) MUST_CHECK;
/* One more error, for rules that need the campaign (`unknown_unit`). */
void shape_add_error(struct shape *shape, const char *field, const char *code);

#endif
