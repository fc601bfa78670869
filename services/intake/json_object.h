/* One strict JSON text (RFC 8259) as its outermost members. Pure. YAJL reads the grammar; what it is too kind to is
 * refused here: duplicate keys at any depth, NUL and lone surrogates in a text, bytes that are not UTF-8, form feed and
 * vertical tab as white space. */
#ifndef SANGKIEN_INTAKE_JSON_OBJECT_H
#define SANGKIEN_INTAKE_JSON_OBJECT_H

#include "common/runtime/arena.h"

enum { JSON_DEPTH_MAX = 16 };

enum json_fault {
	JSON_OK,
	JSON_NOT_UTF8,
	JSON_NUL,
	JSON_NOT_JSON,
	JSON_DUPLICATE_KEY,
	JSON_TOO_DEEP,
	JSON_NO_MEMORY, /* the arena is full */
};

enum json_type { JSON_NULL, JSON_BOOLEAN, JSON_NUMBER, JSON_TEXT, JSON_ARRAY, JSON_OBJECT };

struct json_member {
	struct bytes name; /* decoded */
	enum json_type type;
	bool boolean;
	struct bytes text;       /* of a text, decoded; of a number, as spelled */
	uint32_t elements;       /* of an array */
	bool elements_are_texts; /* of an array */
};

struct json_object {
	bool is_object; /* false: some other JSON value, without members */
	struct json_member *members;
	size_t count;
};

/* Everything given lives in the arena or in `text`. */
enum json_fault json_object_parse(struct bytes text, struct arena *arena, struct json_object *object) MUST_CHECK;
/* Borrowed; snake_case, the last segment of the problem's type. */
const char *json_fault_name(enum json_fault fault);

/* A number that is an integer, however spelled ("1", "1.0", "1e3", "120e-1"). False: it is none, or beyond int64. */
bool json_integer(struct bytes number, int64_t *value) MUST_CHECK;

#endif
