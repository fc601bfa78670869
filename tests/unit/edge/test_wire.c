/* Catches: a frame that makes us unpack more than the limits, junk taken for an envelope, a frame of ours that the
 * other end would refuse. */
#include "common/edge/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ARENA_BYTES = 8 << 20 };

static enum wire_fault open_frame(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(ARENA_BYTES);
	Sangkien__Wire__Envelope *envelope;
	enum wire_fault fault;

	assert_non_null(arena);
	fault = wire_open((struct bytes){data, size}, arena, &envelope);
	arena_free(&arena);
	return fault;
}

static enum wire_fault open_envelope(const Sangkien__Wire__Envelope *envelope)
{
	size_t size = sangkien__wire__envelope__get_packed_size(envelope);
	uint8_t *frame = malloc(size + 1);
	enum wire_fault fault;

	assert_non_null(frame);
	sangkien__wire__envelope__pack(envelope, frame);
	fault = open_frame(frame, size);
	free(frame);
	return fault;
}

static void test_batch_written_by_hand_is_read_by_protobuf(void **state)
{
	static uint8_t body[300] = "body", trace[WIRE_TRACE_SIZE] = "00-trace";
	struct id128 id = {{1, 2, 3}};
	struct wire_item items[] = {
		{.trace_parent = {trace, sizeof(trace)}, .body = {body, sizeof(body)}, .attempt = 300},
		{.body = {body, 4}, .attempt = 1},
		{.body = {NULL, 0}, .attempt = 2},
	};
	struct wire_batch batch = {
		SANGKIEN__WIRE__KIND__KIND_SUBMISSION_RECEIVED, &id, UINT64_C(1) << 40, items, ARRAY_LENGTH(items)};
	size_t size = wire_batch_size(&batch);
	uint8_t *frame = malloc(size);
	struct arena *arena = arena_new(ARENA_BYTES);
	Sangkien__Wire__Envelope *envelope;

	(void)state;
	assert_non_null(frame);
	assert_non_null(arena);
	wire_batch_write(&batch, frame); /* a byte too many is found by the sanitizer */
	assert_int_equal(wire_open((struct bytes){frame, size}, arena, &envelope), WIRE_OK);
	assert_int_equal(envelope->kind, batch.kind);
	assert_true(envelope->epoch == batch.epoch);
	assert_memory_equal(envelope->message_id.data, id.octet, ID128_SIZE);
	assert_int_equal(envelope->n_items, ARRAY_LENGTH(items));
	for (size_t i = 0; i < envelope->n_items; i++) {
		assert_int_equal(envelope->items[i]->attempt, items[i].attempt);
		assert_int_equal(envelope->items[i]->body.len, items[i].body.size);
		assert_int_equal(envelope->items[i]->trace_parent.len, items[i].trace_parent.size);
	}
	assert_memory_equal(envelope->items[0]->body.data, body, sizeof(body));
	arena_free(&arena);
	free(frame);
}

/* Whatever the sender may put into one frame stays under the receiver's limit. */
static void test_overheads_are_upper_bounds(void **state)
{
	static uint8_t body[WIRE_ITEM_BYTES_MAX], trace[WIRE_TRACE_SIZE];
	struct id128 id = {{0}};
	struct wire_item item = {
		.trace_parent = {trace, sizeof(trace)}, .body = {body, sizeof(body)}, .attempt = UINT32_MAX};
	struct wire_batch batch = {SANGKIEN__WIRE__KIND__KIND_REVIEW_REQUESTED, &id, UINT64_MAX, &item, 1};
	size_t one = wire_batch_size(&batch);

	(void)state;
	batch.count = 0;
	assert_true(wire_batch_size(&batch) <= WIRE_HEADER_OVERHEAD);
	assert_true(one - wire_batch_size(&batch) <= WIRE_ITEM_BYTES_MAX + WIRE_ITEM_OVERHEAD);
}

static void test_limits(void **state)
{
	static uint8_t large[WIRE_FRAME_BYTES_MAX + 1];
	Sangkien__Wire__Envelope envelope = SANGKIEN__WIRE__ENVELOPE__INIT;
	Sangkien__Wire__Item item = SANGKIEN__WIRE__ITEM__INIT, *items[WIRE_ITEMS_MAX + 1];
	Sangkien__Wire__Ack ack = SANGKIEN__WIRE__ACK__INIT;
	ProtobufCBinaryData results[WIRE_ITEMS_MAX + 1] = {{0}};

	(void)state;
	assert_int_equal(open_frame(large, sizeof(large)), WIRE_TOO_LARGE);
	envelope.version = WIRE_VERSION;
	envelope.kind = SANGKIEN__WIRE__KIND__KIND_OUTBOX_DUE;
	envelope.items = items;
	for (size_t i = 0; i < ARRAY_LENGTH(items); i++)
		items[i] = &item;
	envelope.n_items = WIRE_ITEMS_MAX;
	assert_int_equal(open_envelope(&envelope), WIRE_OK);
	envelope.n_items = WIRE_ITEMS_MAX + 1;
	assert_int_equal(open_envelope(&envelope), WIRE_TOO_MANY);
	envelope.n_items = 1;
	item.body = (ProtobufCBinaryData){WIRE_ITEM_BYTES_MAX, large};
	assert_int_equal(open_envelope(&envelope), WIRE_OK);
	item.body.len++;
	assert_int_equal(open_envelope(&envelope), WIRE_TOO_LARGE);

	envelope.n_items = 0;
	envelope.kind = SANGKIEN__WIRE__KIND__KIND_ACK;
	envelope.ack = &ack;
	ack.message_id = (ProtobufCBinaryData){ID128_SIZE, large};
	ack.results = results;
	ack.n_results = WIRE_ITEMS_MAX + 1;
	assert_int_equal(open_envelope(&envelope), WIRE_TOO_MANY);
}

static void test_version_and_kind(void **state)
{
	Sangkien__Wire__Envelope envelope = SANGKIEN__WIRE__ENVELOPE__INIT;

	(void)state;
	envelope.kind = SANGKIEN__WIRE__KIND__KIND_PING;
	assert_int_equal(open_envelope(&envelope), WIRE_UNKNOWN_VERSION);
	envelope.version = WIRE_VERSION + 1;
	assert_int_equal(open_envelope(&envelope), WIRE_UNKNOWN_VERSION);
	envelope.version = WIRE_VERSION;
	assert_int_equal(open_envelope(&envelope), WIRE_OK);
	envelope.kind = (Sangkien__Wire__Kind)99;
	assert_int_equal(open_envelope(&envelope), WIRE_UNKNOWN_KIND);
	envelope.kind = SANGKIEN__WIRE__KIND__KIND_UNSPECIFIED;
	assert_int_equal(open_envelope(&envelope), WIRE_UNKNOWN_KIND);
}

static void test_what_a_kind_needs(void **state)
{
	static uint8_t octets[WIRE_INSTANCE_BYTES_MAX + 1];
	Sangkien__Wire__Envelope envelope = SANGKIEN__WIRE__ENVELOPE__INIT;
	Sangkien__Wire__Ready ready = SANGKIEN__WIRE__READY__INIT;

	(void)state;
	envelope.version = WIRE_VERSION;
	envelope.kind = SANGKIEN__WIRE__KIND__KIND_READY;
	assert_int_equal(open_envelope(&envelope), WIRE_INCOMPLETE);
	envelope.ready = &ready;
	ready.boot_id = (ProtobufCBinaryData){15, octets};
	assert_int_equal(open_envelope(&envelope), WIRE_INCOMPLETE);
	ready.boot_id.len = ID128_SIZE;
	assert_int_equal(open_envelope(&envelope), WIRE_OK);
	ready.instance = (ProtobufCBinaryData){sizeof(octets), octets};
	assert_int_equal(open_envelope(&envelope), WIRE_TOO_LARGE);
	envelope.kind = SANGKIEN__WIRE__KIND__KIND_OUTBOX_DUE; /* a batch of nothing */
	assert_int_equal(open_envelope(&envelope), WIRE_INCOMPLETE);
}

/* No byte string may crash, hang or overrun: random ones, and a good frame with every byte changed or cut. */
static void test_junk(void **state)
{
	uint8_t body[64] = {0}, frame[512], copy[512];
	struct id128 id = {{7}};
	struct wire_item item = {.body = {body, sizeof(body)}, .attempt = 1};
	struct wire_batch batch = {SANGKIEN__WIRE__KIND__KIND_TEXT_SIGNED, &id, 3, &item, 1};
	size_t size = wire_batch_size(&batch);
	uint64_t random = 88172645463325252u;

	(void)state;
	assert_true(size <= sizeof(frame));
	wire_batch_write(&batch, frame);
	for (size_t i = 0; i < size; i++) {
		for (int bit = 0; bit < 8; bit++) {
			memcpy(copy, frame, size);
			copy[i] ^= (uint8_t)(1 << bit);
			(void)!open_frame(copy, size);
		}
		assert_int_not_equal(open_frame(frame, i), WIRE_OK);
	}
	for (int round = 0; round < 3000; round++) {
		for (size_t i = 0; i < sizeof(copy); i++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			copy[i] = (uint8_t)random;
		}
		assert_int_not_equal(open_frame(copy, (size_t)round % sizeof(copy)), WIRE_OK);
	}
	assert_string_equal(wire_fault_name(WIRE_NOT_PROTOBUF), "not_protobuf");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_batch_written_by_hand_is_read_by_protobuf),
		cmocka_unit_test(test_overheads_are_upper_bounds),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_version_and_kind),
		cmocka_unit_test(test_what_a_kind_needs),
		cmocka_unit_test(test_junk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
