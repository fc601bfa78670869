/* The envelope on the wire: limits before unpacking, one arena a frame. */
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
};

enum wire_fault { WIRE_OK, WIRE_TOO_LARGE, WIRE_TOO_MANY, WIRE_NOT_PROTOBUF, WIRE_UNKNOWN_VERSION, WIRE_UNKNOWN_KIND };

/* Unpacks into the arena; items are counted and sized before any is unpacked. */
enum wire_fault wire_open(struct bytes frame, struct arena *arena, Sangkien__Wire__Envelope **envelope) MUST_CHECK;
const char *wire_fault_name(enum wire_fault fault);

#endif
