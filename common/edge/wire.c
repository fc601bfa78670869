#include "common/edge/wire.h"

#include <string.h>

enum wire_type { TYPE_VARINT = 0, TYPE_FIXED64 = 1, TYPE_DELIMITED = 2, TYPE_FIXED32 = 5 };

/* Field numbers of proto/envelope.proto that are looked at before unpacking or written by hand. */
enum {
	ENVELOPE_VERSION = 1,
	ENVELOPE_KIND = 2,
	ENVELOPE_MESSAGE_ID = 3,
	ENVELOPE_EPOCH = 4,
	ENVELOPE_ITEMS = 5,
	ENVELOPE_ACK = 7,
	ITEM_TRACE_PARENT = 1,
	ITEM_ATTEMPT = 2,
	ITEM_BODY = 3,
	ACK_REJECTED = 2,
	ACK_RESULTS = 3,
};

struct field {
	uint32_t number;
	enum wire_type type;
	uint64_t value;       /* varint */
	struct bytes content; /* delimited */
};

static bool take_varint(struct bytes *rest, uint64_t *value)
{
	uint64_t sum = 0;

	for (unsigned int shift = 0; shift < 64 && rest->size > 0; shift += 7) {
		uint8_t octet = *rest->data;

		rest->data++;
		rest->size--;
		sum |= (uint64_t)(octet & 0x7f) << shift;
		if (octet < 0x80) {
			*value = sum;
			return true;
		}
	}
	return false;
}

static bool take_run(struct bytes *rest, uint64_t size, struct bytes *run)
{
	if (size > rest->size)
		return false;
	*run = (struct bytes){rest->data, (size_t)size};
	rest->data += size;
	rest->size -= (size_t)size;
	return true;
}

/* Groups (types 3 and 4) are not proto3 and not taken. */
static bool take_field(struct bytes *rest, struct field *field)
{
	uint64_t tag;

	if (!take_varint(rest, &tag) || tag >> 3 == 0 || tag >> 3 > (1 << 29) - 1)
		return false;
	*field = (struct field){.number = (uint32_t)(tag >> 3), .type = (enum wire_type)(tag & 7)};
	switch (field->type) {
	case TYPE_VARINT:
		return take_varint(rest, &field->value);
	case TYPE_FIXED64:
		return take_run(rest, 8, &field->content);
	case TYPE_FIXED32:
		return take_run(rest, 4, &field->content);
	case TYPE_DELIMITED:
		return take_varint(rest, &field->value) && take_run(rest, field->value, &field->content);
	}
	return false;
}

struct census {
	uint64_t version, kind;
	size_t items, rejected, results;
	bool item_too_large;
};

static bool count_ack(struct bytes ack, struct census *census)
{
	struct field field;

	while (ack.size > 0) {
		if (!take_field(&ack, &field))
			return false;
		if (field.type == TYPE_DELIMITED && field.number == ACK_REJECTED)
			census->rejected++;
		if (field.type == TYPE_DELIMITED && field.number == ACK_RESULTS)
			census->results++;
	}
	return true;
}

/* What the frame says of itself, without memory. */
static bool count_frame(struct bytes frame, struct census *census)
{
	struct field field;

	while (frame.size > 0) {
		if (!take_field(&frame, &field))
			return false;
		if (field.type == TYPE_VARINT && field.number == ENVELOPE_VERSION)
			census->version = field.value;
		if (field.type == TYPE_VARINT && field.number == ENVELOPE_KIND)
			census->kind = field.value;
		if (field.type == TYPE_DELIMITED && field.number == ENVELOPE_ITEMS) {
			census->items++;
			census->item_too_large |= field.content.size > WIRE_ITEM_BYTES_MAX + WIRE_ITEM_OVERHEAD;
		}
		if (field.type == TYPE_DELIMITED && field.number == ENVELOPE_ACK && !count_ack(field.content, census))
			return false;
	}
	return true;
}

static bool kind_known(uint64_t kind)
{
	return kind != SANGKIEN__WIRE__KIND__KIND_UNSPECIFIED && kind <= INT32_MAX &&
	       protobuf_c_enum_descriptor_get_value(&sangkien__wire__kind__descriptor, (int)kind) != NULL;
}

static enum wire_fault check_items(const Sangkien__Wire__Envelope *envelope)
{
	for (size_t i = 0; i < envelope->n_items; i++) {
		const Sangkien__Wire__Item *item = envelope->items[i];

		if (item->body.len > WIRE_ITEM_BYTES_MAX)
			return WIRE_TOO_LARGE;
		if (item->trace_parent.len != 0 && item->trace_parent.len != WIRE_TRACE_SIZE)
			return WIRE_INCOMPLETE;
	}
	return WIRE_OK;
}

static enum wire_fault check_kind(const Sangkien__Wire__Envelope *envelope)
{
	switch (envelope->kind) {
	case SANGKIEN__WIRE__KIND__KIND_READY:
		if (!envelope->ready || envelope->ready->boot_id.len != ID128_SIZE)
			return WIRE_INCOMPLETE;
		return envelope->ready->instance.len > WIRE_INSTANCE_BYTES_MAX ? WIRE_TOO_LARGE : WIRE_OK;
	case SANGKIEN__WIRE__KIND__KIND_ACK:
		return envelope->ack && envelope->ack->message_id.len == ID128_SIZE ? WIRE_OK : WIRE_INCOMPLETE;
	case SANGKIEN__WIRE__KIND__KIND_PING:
	case SANGKIEN__WIRE__KIND__KIND_GOODBYE:
		return WIRE_OK;
	default:
		if (envelope->n_items == 0 || (envelope->message_id.len != 0 && envelope->message_id.len != ID128_SIZE))
			return WIRE_INCOMPLETE;
		return check_items(envelope);
	}
}

enum wire_fault wire_open(struct bytes frame, struct arena *arena, Sangkien__Wire__Envelope **envelope)
{
	struct census census = {0};

	*envelope = NULL;
	if (frame.size > WIRE_FRAME_BYTES_MAX)
		return WIRE_TOO_LARGE;
	if (!count_frame(frame, &census))
		return WIRE_NOT_PROTOBUF;
	/* The version first: of another one nothing else is known. */
	if (census.version != WIRE_VERSION)
		return WIRE_UNKNOWN_VERSION;
	if (!kind_known(census.kind))
		return WIRE_UNKNOWN_KIND;
	if (census.items > WIRE_ITEMS_MAX || census.rejected > WIRE_ITEMS_MAX || census.results > WIRE_ITEMS_MAX)
		return WIRE_TOO_MANY;
	if (census.item_too_large)
		return WIRE_TOO_LARGE;
	/* Fails where a nested message is broken, or where unknown fields ask for more than the arena's limit. */
	*envelope = sangkien__wire__envelope__unpack(arena_protobuf_allocator(arena), frame.size, frame.data);
	if (!*envelope)
		return WIRE_NOT_PROTOBUF;
	return check_kind(*envelope);
}

const char *wire_fault_name(enum wire_fault fault)
{
	static const char *const names[] = {
		[WIRE_OK] = "ok",
		[WIRE_TOO_LARGE] = "too_large",
		[WIRE_TOO_MANY] = "too_many",
		[WIRE_NOT_PROTOBUF] = "not_protobuf",
		[WIRE_UNKNOWN_VERSION] = "unknown_version",
		[WIRE_UNKNOWN_KIND] = "unknown_kind",
		[WIRE_INCOMPLETE] = "incomplete",
	};

	assert((size_t)fault < ARRAY_LENGTH(names));
	return names[fault];
}

/* Writing ----------------------------------------------------------------------------------------------------- */

static size_t varint_size(uint64_t value)
{
	size_t size = 1;

	while (value >= 0x80) {
		value >>= 7;
		size++;
	}
	return size;
}

static uint8_t *put_varint(uint8_t *out, uint64_t value)
{
	while (value >= 0x80) {
		*out++ = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	*out++ = (uint8_t)value;
	return out;
}

/* All our field numbers are below 16, so a tag is one byte; a default value is not written (proto3). */
static size_t number_size(uint64_t value)
{
	return value == 0 ? 0 : 1 + varint_size(value);
}

static uint8_t *put_number(uint8_t *out, uint32_t field, uint64_t value)
{
	if (value == 0)
		return out;
	*out++ = (uint8_t)(field << 3 | TYPE_VARINT);
	return put_varint(out, value);
}

static size_t run_size(size_t size)
{
	return size == 0 ? 0 : 1 + varint_size(size) + size;
}

static uint8_t *put_run(uint8_t *out, uint32_t field, const uint8_t *data, size_t size)
{
	if (size == 0)
		return out;
	*out++ = (uint8_t)(field << 3 | TYPE_DELIMITED);
	out = put_varint(out, size);
	memcpy(out, data, size);
	return out + size;
}

static size_t item_size(const struct wire_item *item)
{
	return run_size(item->trace_parent.size) + number_size(item->attempt) + run_size(item->body.size);
}

static uint8_t *put_item(uint8_t *out, const struct wire_item *item)
{
	*out++ = (uint8_t)(ENVELOPE_ITEMS << 3 | TYPE_DELIMITED);
	out = put_varint(out, item_size(item));
	out = put_run(out, ITEM_TRACE_PARENT, item->trace_parent.data, item->trace_parent.size);
	out = put_number(out, ITEM_ATTEMPT, item->attempt);
	return put_run(out, ITEM_BODY, item->body.data, item->body.size);
}

size_t wire_batch_size(const struct wire_batch *batch)
{
	size_t size = number_size(WIRE_VERSION) + number_size((uint64_t)batch->kind) +
		      run_size(batch->message_id ? ID128_SIZE : 0) + number_size(batch->epoch);

	for (size_t i = 0; i < batch->count; i++) {
		size_t item = item_size(&batch->items[i]);

		size += 1 + varint_size(item) + item;
	}
	return size;
}

void wire_batch_write(const struct wire_batch *batch, uint8_t *out)
{
	out = put_number(out, ENVELOPE_VERSION, WIRE_VERSION);
	out = put_number(out, ENVELOPE_KIND, (uint64_t)batch->kind);
	if (batch->message_id)
		out = put_run(out, ENVELOPE_MESSAGE_ID, batch->message_id->octet, ID128_SIZE);
	out = put_number(out, ENVELOPE_EPOCH, batch->epoch);
	for (size_t i = 0; i < batch->count; i++)
		out = put_item(out, &batch->items[i]);
}
