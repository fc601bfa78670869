#include "common/runtime/pg_connection.h"

#include <arpa/inet.h>
#include <endian.h>
#include <string.h>

/* PostgreSQL counts from 2000-01-01. */
static const int64_t epoch_us = INT64_C(946684800000000);
enum { EPOCH_DAY = 10957, ARRAY_HEADER_SIZE = 20 };

static const struct {
	Oid element, array;
} array_types[] = {
	{PG_OID_BOOL, 1000},
	{PG_OID_BYTEA, 1001},
	{PG_OID_INT2, 1005},
	{PG_OID_INT4, 1007},
	{PG_OID_TEXT, 1009},
	{PG_OID_INT8, 1016},
	{PG_OID_FLOAT4, 1021},
	{PG_OID_FLOAT8, 1022},
	{PG_OID_DATE, 1182},
	{PG_OID_TIMESTAMPTZ, 1185},
	{PG_OID_UUID, 2951},
};

static Oid array_type(Oid element)
{
	for (size_t i = 0; i < ARRAY_LENGTH(array_types); i++)
		if (array_types[i].element == element)
			return array_types[i].array;
	assert(!"an element type without an array type");
	return 0;
}

void pg_params_clear(struct pg_params *p, bool copying)
{
	buffer_clear(&p->buffer);
	p->count = 0;
	p->failed = false;
	p->copying = copying;
	p->in_array = false;
}

struct pg_params *pg_params(struct pg *pg)
{
	assert(!pg->copy_open);
	pg_params_clear(&pg->params, false);
	return &pg->params;
}

static void add_u32(struct pg_params *p, uint32_t v)
{
	v = htonl(v);
	buffer_add(&p->buffer, &v, sizeof(v));
}

static void record(struct pg_params *p, Oid type, size_t offset, int size)
{
	if (p->count == PG_PARAMS_MAX) {
		p->failed = true;
		return;
	}
	p->types[p->count] = type;
	p->values[p->count++] = (struct pg_value){.offset = offset, .size = size};
}

static void add_value(struct pg_params *p, Oid type, const void *data, size_t size)
{
	assert(size <= INT32_MAX);
	assert(!p->in_array || type == p->element);
	p->elements += p->in_array;
	if (p->in_array || p->copying)
		add_u32(p, (uint32_t)size);
	else
		record(p, type, p->buffer.size, (int)size);
	if (size > 0)
		buffer_add(&p->buffer, data, size);
	p->failed |= p->buffer.failed;
}

void pg_null(struct pg_params *p, Oid type)
{
	assert(!p->in_array || type == p->element);
	p->elements += p->in_array;
	p->has_null |= p->in_array;
	if (p->in_array || p->copying)
		add_u32(p, UINT32_MAX);
	else
		record(p, type, 0, -1);
	p->failed |= p->buffer.failed;
}

void pg_i16(struct pg_params *p, int16_t v)
{
	uint16_t raw = htons((uint16_t)v);

	add_value(p, PG_OID_INT2, &raw, sizeof(raw));
}

void pg_i32(struct pg_params *p, int32_t v)
{
	uint32_t raw = htonl((uint32_t)v);

	add_value(p, PG_OID_INT4, &raw, sizeof(raw));
}

void pg_i64(struct pg_params *p, int64_t v)
{
	uint64_t raw = htobe64((uint64_t)v);

	add_value(p, PG_OID_INT8, &raw, sizeof(raw));
}

static void add_float4(struct pg_params *p, float v)
{
	uint32_t raw;

	memcpy(&raw, &v, sizeof(raw));
	raw = htonl(raw);
	add_value(p, PG_OID_FLOAT4, &raw, sizeof(raw));
}

void pg_real(struct pg_params *p, double v)
{
	uint64_t raw;

	if (p->in_array && p->element == PG_OID_FLOAT4) {
		add_float4(p, (float)v);
		return;
	}
	memcpy(&raw, &v, sizeof(raw));
	raw = htobe64(raw);
	add_value(p, PG_OID_FLOAT8, &raw, sizeof(raw));
}

void pg_bool(struct pg_params *p, bool v)
{
	uint8_t raw = v;

	add_value(p, PG_OID_BOOL, &raw, sizeof(raw));
}

void pg_text(struct pg_params *p, struct bytes v)
{
	add_value(p, PG_OID_TEXT, v.data, v.size);
}

void pg_cstr(struct pg_params *p, const char *v)
{
	if (v == NULL)
		pg_null(p, PG_OID_TEXT);
	else
		add_value(p, PG_OID_TEXT, v, strlen(v));
}

void pg_bytea(struct pg_params *p, struct bytes v)
{
	add_value(p, PG_OID_BYTEA, v.data, v.size);
}

void pg_uuid(struct pg_params *p, const struct id128 *v)
{
	if (v == NULL)
		pg_null(p, PG_OID_UUID);
	else
		add_value(p, PG_OID_UUID, v->octet, sizeof(v->octet));
}

void pg_instant(struct pg_params *p, int64_t unix_us)
{
	uint64_t raw = htobe64((uint64_t)(unix_us - epoch_us));

	add_value(p, PG_OID_TIMESTAMPTZ, &raw, sizeof(raw));
}

void pg_day(struct pg_params *p, int32_t unix_day)
{
	uint32_t raw = htonl((uint32_t)(unix_day - EPOCH_DAY));

	add_value(p, PG_OID_DATE, &raw, sizeof(raw));
}

void pg_array_begin(struct pg_params *p, Oid element_type)
{
	static const uint8_t header[ARRAY_HEADER_SIZE];

	assert(!p->in_array);
	if (p->copying)
		add_u32(p, 0);
	p->array_start = p->buffer.size;
	p->in_array = true;
	p->has_null = false;
	p->element = element_type;
	p->elements = 0;
	buffer_add(&p->buffer, header, sizeof(header));
}

/* Now that the elements are known: dimensions, nulls, element type, length, lower bound. */
void pg_array_end(struct pg_params *p)
{
	uint32_t header[] = {htonl(1), htonl(p->has_null), htonl(p->element), htonl((uint32_t)p->elements), htonl(1)};
	size_t size;

	static_assert(sizeof(header) == ARRAY_HEADER_SIZE, "the header as array_recv() reads it");
	assert(p->in_array);
	p->in_array = false;
	p->failed |= p->buffer.failed;
	if (p->failed)
		return;
	size = p->buffer.size - p->array_start;
	memcpy(p->buffer.data + p->array_start, header, sizeof(header));
	if (p->copying) {
		uint32_t field = htonl((uint32_t)size);
		memcpy(p->buffer.data + p->array_start - sizeof(field), &field, sizeof(field));
	} else {
		record(p, array_type(p->element), p->array_start, (int)size);
	}
}
