/* The envelope on the wire: limits before unpacking, one arena a frame, one copy into a frame. */
#ifndef SANGKIEN_EDGE_WIRE_H
#define SANGKIEN_EDGE_WIRE_H

#include "common/runtime/arena.h"
#include "proto/envelope.pb-c.h"

enum {
	WIRE_VERSION = 1,
	WIRE_FRAME_BYTES_MAX = 1 << 20,
	WIRE_ITEMS_MAX = 512,
	WIRE_ITEM_BYTES_MAX = 96 * 1024,
	WIRE_TRACE_SIZE = 55,
	WIRE_INSTANCE_BYTES_MAX = 64,
	WIRE_ITEM_OVERHEAD = 80,   /* most bytes an item takes on the wire beside its body */
	WIRE_HEADER_OVERHEAD = 64, /* most bytes a batch takes beside its items */
};

enum wire_fault {
	WIRE_OK,
	WIRE_TOO_LARGE, /* the frame, an item, or one of its texts */
	WIRE_TOO_MANY,  /* items, rejections or results */
	WIRE_NOT_PROTOBUF,
	WIRE_UNKNOWN_VERSION,
	WIRE_UNKNOWN_KIND,
	WIRE_INCOMPLETE, /* what its kind needs is missing or of the wrong size */
};

/* Unpacks into the arena; items are counted and sized before any is unpacked. The envelope is whole for its kind:
 * READY has a boot id of 16 bytes, ACK a message id of 16 bytes; a batch's message id has 16 bytes or, in a hint, 0. */
enum wire_fault wire_open(struct bytes frame, struct arena *arena, Sangkien__Wire__Envelope **envelope) MUST_CHECK;
const char *wire_fault_name(enum wire_fault fault);

/* A batch to be written, its bodies borrowed. */
struct wire_item {
	struct bytes trace_parent; /* WIRE_TRACE_SIZE bytes or empty */
	struct bytes body;
	uint32_t attempt;
};
struct wire_batch {
	Sangkien__Wire__Kind kind;
	const struct id128 *message_id; /* NULL: a hint */
	uint64_t epoch;
	const struct wire_item *items;
	size_t count;
};

/* Size of the frame and the frame itself, straight into the message that travels: each body is copied once. (protobuf-c
 * packs a nested message and then moves it to make room for its length.) */
size_t wire_batch_size(const struct wire_batch *batch);
void wire_batch_write(const struct wire_batch *batch, uint8_t *out); /* exactly wire_batch_size() bytes */

#endif
