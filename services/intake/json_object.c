#include "services/intake/json_object.h"

#include <string.h>
#include <xxhash.h>
#include <yajl/yajl_parse.h>

/* Keys seen, in each object that is open or was: hashes under the object's number, in an open-addressed table. */
struct key_set {
	uint64_t *slots;
	size_t capacity, count; /* capacity is a power of two */
};

struct parse {
	struct bytes text;
	struct arena *arena;
	struct json_object *object;
	size_t members_capacity;
	struct key_set keys;
	uint32_t objects[JSON_DEPTH_MAX + 1]; /* number of the object open at each depth; 0 is an array */
	uint32_t depth, object_count;
	enum json_fault fault;
};

enum { KEY_SET_LEAST = 64, MEMBERS_LEAST = 32 };

/* Bytes of the well-formed UTF-8 character at `at` (Unicode, table 3-7); 0: there is none. */
static size_t utf8_length(const uint8_t *at, size_t size)
{
	uint8_t first = at[0];
	size_t length = first < 0x80   ? 1
			: first < 0xC2 ? 0
			: first < 0xE0 ? 2
			: first < 0xF0 ? 3
			: first < 0xF5 ? 4
				       : 0;
	if (length <= 1 || size < length)
		return size < length ? 0 : length;
	uint8_t least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
	uint8_t most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
	if (at[1] < least || at[1] > most)
		return 0;
	for (size_t i = 2; i < length; i++) {
		if ((at[i] & 0xC0) != 0x80)
			return 0;
	}
	return length;
}

static int hex_value(uint8_t digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	digit |= 0x20;
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* The code unit of "\uXXXX" at `at`; -1: it is none. */
static int escaped_unit(struct bytes text, size_t at)
{
	int unit = 0;
	if (text.size - at < 6 || text.data[at] != '\\' || text.data[at + 1] != 'u')
		return -1;
	for (size_t i = at + 2; i < at + 6; i++) {
		int value = hex_value(text.data[i]);
		if (value < 0)
			return -1;
		unit = unit << 4 | value;
	}
	return unit;
}

/* An escape stands only in strings, so this needs no grammar: YAJL refuses a backslash elsewhere. */
static enum json_fault check_escape(struct bytes text, size_t at, size_t *length)
{
	*length = 2;
	if (text.size - at < 2 || text.data[at + 1] != 'u')
		return JSON_OK;
	int unit = escaped_unit(text, at);
	if (unit < 0)
		return JSON_NOT_JSON;
	*length = 6;
	if (unit == 0)
		return JSON_NUL;
	if (unit >= 0xDC00 && unit <= 0xDFFF)
		return JSON_NOT_UTF8;
	if (unit >= 0xD800 && unit <= 0xDBFF) {
		int low = text.size - at >= 12 ? escaped_unit(text, at + 6) : -1;
		if (low < 0xDC00 || low > 0xDFFF)
			return JSON_NOT_UTF8;
		*length = 12;
	}
	return JSON_OK;
}

static enum json_fault check_bytes(struct bytes text)
{
	for (size_t at = 0, length = 0; at < text.size; at += length) {
		uint8_t octet = text.data[at];
		enum json_fault fault = JSON_OK;
		if (octet >= 0x80)
			fault = (length = utf8_length(text.data + at, text.size - at)) == 0 ? JSON_NOT_UTF8 : JSON_OK;
		else if (octet == '\\')
			fault = check_escape(text, at, &length);
		else
			length = 1;
		if (octet == 0)
			fault = JSON_NUL;
		else if (octet == '\f' || octet == '\v')
			fault = JSON_NOT_JSON;
		if (fault != JSON_OK)
			return fault;
	}
	return JSON_OK;
}

static int fail(struct parse *parse, enum json_fault fault)
{
	parse->fault = fault;
	return 0;
}

/* Where `hash` stands, or the free slot where it would. */
static uint64_t *key_set_slot(struct key_set *keys, uint64_t hash)
{
	size_t at = hash >> 1 & (keys->capacity - 1);
	while (keys->slots[at] != 0 && keys->slots[at] != hash)
		at = (at + 1) & (keys->capacity - 1);
	return &keys->slots[at];
}

static bool key_set_grow(struct key_set *keys, struct arena *arena)
{
	struct key_set grown = {
		.capacity = keys->capacity == 0 ? KEY_SET_LEAST : keys->capacity * 4, .count = keys->count};
	grown.slots = arena_alloc(arena, grown.capacity * sizeof(*grown.slots));
	if (grown.slots == NULL)
		return false;
	memset(grown.slots, 0, grown.capacity * sizeof(*grown.slots));
	for (size_t i = 0; i < keys->capacity; i++) {
		if (keys->slots[i] != 0)
			*key_set_slot(&grown, keys->slots[i]) = keys->slots[i];
	}
	*keys = grown;
	return true;
}

/* Two different keys of one text share 64 bits once in 10^11 texts of 13,000 keys; then it is refused, no worse. */
static int remember_key(struct parse *parse, struct bytes key)
{
	struct key_set *keys = &parse->keys;
	if (keys->count * 2 >= keys->capacity && !key_set_grow(keys, parse->arena))
		return fail(parse, JSON_NO_MEMORY);
	uint64_t hash = XXH3_64bits_withSeed(key.data, key.size, parse->objects[parse->depth]) | 1;
	uint64_t *slot = key_set_slot(keys, hash);
	if (*slot != 0)
		return fail(parse, JSON_DUPLICATE_KEY);
	*slot = hash;
	keys->count++;
	return 1;
}

/* YAJL gives what had escapes in a buffer of its own that the next text overwrites. */
static bool keep(struct parse *parse, const unsigned char *data, size_t size, struct bytes *kept)
{
	const uint8_t *begin = parse->text.data;
	*kept = (struct bytes){data, size};
	if (data >= begin && data < begin + parse->text.size)
		return true;
	kept->data = arena_copy(parse->arena, data, size);
	return kept->data != NULL;
}

/* A value begins: NULL where it is of no interest (inside something, or not in an object). */
static struct json_member *value_of(struct parse *parse, enum json_type type)
{
	struct json_object *object = parse->object;
	struct json_member *last = object->count > 0 ? &object->members[object->count - 1] : NULL;
	if (parse->depth == 2 && last != NULL && last->type == JSON_ARRAY) {
		last->elements++;
		last->elements_are_texts &= type == JSON_TEXT;
	}
	if (parse->depth != 1 || last == NULL) /* YAJL gives the key first */
		return NULL;
	last->type = type;
	return last;
}

static int on_null(void *context)
{
	(void)value_of(context, JSON_NULL);
	return 1;
}

static int on_boolean(void *context, int boolean)
{
	struct json_member *member = value_of(context, JSON_BOOLEAN);
	if (member != NULL)
		member->boolean = boolean != 0;
	return 1;
}

static int on_number(void *context, const char *text, size_t size)
{
	struct parse *parse = context;
	struct json_member *member = value_of(parse, JSON_NUMBER);
	if (member != NULL && !keep(parse, (const unsigned char *)text, size, &member->text))
		return fail(parse, JSON_NO_MEMORY);
	return 1;
}

static int on_text(void *context, const unsigned char *text, size_t size)
{
	struct parse *parse = context;
	struct json_member *member = value_of(parse, JSON_TEXT);
	if (member != NULL && !keep(parse, text, size, &member->text))
		return fail(parse, JSON_NO_MEMORY);
	return 1;
}

static int descend(struct parse *parse, enum json_type type)
{
	struct json_member *member = value_of(parse, type);
	if (member != NULL)
		member->elements_are_texts = type == JSON_ARRAY;
	if (parse->depth == JSON_DEPTH_MAX)
		return fail(parse, JSON_TOO_DEEP);
	if (parse->depth == 0)
		parse->object->is_object = type == JSON_OBJECT;
	parse->objects[++parse->depth] = type == JSON_OBJECT ? ++parse->object_count : 0;
	return 1;
}

static int ascend(void *context)
{
	((struct parse *)context)->depth--;
	return 1;
}

static int on_object(void *context)
{
	return descend(context, JSON_OBJECT);
}

static int on_array(void *context)
{
	return descend(context, JSON_ARRAY);
}

static bool grow_members(struct parse *parse)
{
	struct json_object *object = parse->object;
	size_t capacity = parse->members_capacity == 0 ? MEMBERS_LEAST : parse->members_capacity * 2;
	struct json_member *members = arena_alloc(parse->arena, capacity * sizeof(*members));
	if (members == NULL)
		return false;
	if (object->count > 0)
		memcpy(members, object->members, object->count * sizeof(*members));
	object->members = members;
	parse->members_capacity = capacity;
	return true;
}

static int on_key(void *context, const unsigned char *key, size_t size)
{
	struct parse *parse = context;
	struct json_object *object = parse->object;
	if (!remember_key(parse, (struct bytes){key, size}))
		return 0;
	if (parse->depth != 1)
		return 1;
	if (object->count == parse->members_capacity && !grow_members(parse))
		return fail(parse, JSON_NO_MEMORY);
	struct json_member *member = &object->members[object->count++];
	*member = (struct json_member){.type = JSON_NULL};
	return keep(parse, key, size, &member->name) ? 1 : fail(parse, JSON_NO_MEMORY);
}

static const yajl_callbacks CALLBACKS = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_text,
	.yajl_start_map = on_object,
	.yajl_map_key = on_key,
	.yajl_end_map = ascend,
	.yajl_start_array = on_array,
	.yajl_end_array = ascend,
};

enum json_fault json_object_parse(struct bytes text, struct arena *arena, struct json_object *object)
{
	struct parse parse = {.text = text, .arena = arena, .object = object, .fault = JSON_OK};
	*object = (struct json_object){0};
	enum json_fault fault = check_bytes(text);
	if (fault != JSON_OK)
		return fault;
	yajl_handle handle = yajl_alloc(&CALLBACKS, NULL, &parse);
	if (handle == NULL)
		return JSON_NO_MEMORY;
	yajl_status status = yajl_parse(handle, text.data, text.size);
	if (status == yajl_status_ok)
		status = yajl_complete_parse(handle);
	yajl_free(handle);
	if (parse.fault != JSON_OK)
		return parse.fault;
	return status == yajl_status_ok ? JSON_OK : JSON_NOT_JSON;
}

const char *json_fault_name(enum json_fault fault)
{
	static const char *const NAMES[] = {
		[JSON_OK] = "",
		[JSON_NOT_UTF8] = "not_utf8",
		[JSON_NUL] = "nul_in_text",
		[JSON_NOT_JSON] = "not_json",
		[JSON_DUPLICATE_KEY] = "duplicate_key",
		[JSON_TOO_DEEP] = "nested_too_deep",
		[JSON_NO_MEMORY] = "too_complex",
	};
	return NAMES[fault];
}
