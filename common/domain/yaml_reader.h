/* Reads a YAML mapping by a table of its keys, and collects every fault of the file with its line and its remedy. */
#ifndef SANGKIEN_DOMAIN_YAML_READER_H
#define SANGKIEN_DOMAIN_YAML_READER_H

#include "common/runtime/arena.h"
#include "common/runtime/buffer.h"

#include <yaml.h>

struct yaml_reader {
	yaml_document_t document;
	const char *file_name;
	struct buffer *faults; /* "FILE:LINE: what; how to mend" a line */
	size_t fault_count;
	struct arena *arena; /* what is read lives there */
};

/* Puts the value of `node` into `target`, or says a fault. */
typedef void yaml_read(struct yaml_reader *reader, yaml_node_t *node, void *target);

struct yaml_field {
	const char *key;
	yaml_read *read;
	size_t offset; /* in the struct that the mapping fills */
	bool required;
};

/* Parses the one document of the text. False: said in `faults`. `document` is to be deleted after true only. */
bool yaml_reader_open(struct yaml_reader *reader, struct bytes yaml) MUST_CHECK;

void yaml_fault(struct yaml_reader *reader, const yaml_node_t *node, const char *format, ...) PRINTF_LIKE(3, 4);

void yaml_read_mapping(
	struct yaml_reader *reader, yaml_node_t *node, const struct yaml_field *fields, size_t count, void *target);
/* A sequence of at most `most` elements of `size` octets each, zeroed, in the arena. NULL with *count 0: none. */
void *yaml_read_sequence(struct yaml_reader *reader, yaml_node_t *node, size_t size, size_t most, yaml_read *element,
	size_t *count) MUST_CHECK;
/* The element's node, for faults about it. */
yaml_node_t *yaml_element(struct yaml_reader *reader, yaml_node_t *sequence, size_t index);
/* The value under `key`, else the mapping itself: where a fault about it is said. */
yaml_node_t *yaml_value(struct yaml_reader *reader, yaml_node_t *mapping, const char *key);
/* The scalar's text; NULL and a fault when it is none. */
const char *yaml_scalar(struct yaml_reader *reader, yaml_node_t *node, const char *wanted) MUST_CHECK;

/* One of a few words: *place is its place in the list plus one; else a fault, and it stays as it is. */
void yaml_read_word(struct yaml_reader *reader, yaml_node_t *node, const char *const *words, size_t count, int *place);

yaml_read yaml_read_text;    /* const char *: clean text, not empty */
yaml_read yaml_read_code;    /* const char *: a-z, 0-9, - and _, at most 40 */
yaml_read yaml_read_instant; /* int64_t */
yaml_read yaml_read_day;     /* int32_t */
yaml_read yaml_read_u32;     /* uint32_t, at least 1 */
yaml_read yaml_read_u64;     /* uint64_t */
yaml_read yaml_read_share;   /* double, 0 to 1 */
yaml_read yaml_read_power;   /* double, 0 to 8 */
yaml_read yaml_read_bool;    /* bool */

#endif
