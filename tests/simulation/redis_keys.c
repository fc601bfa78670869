#include "tests/simulation/redis_keys.h"

#include <stdlib.h>
#include <string.h>

struct keyspace redis_live;

struct text text_new(const char *data, size_t size)
{
	struct text text = {malloc(size + 1), size};

	assert(text.data != NULL);
	memcpy(text.data, data, size);
	text.data[size] = '\0';
	return text;
}

bool text_is(const struct text *text, const char *data, size_t size)
{
	return text->size == size && memcmp(text->data, data, size) == 0;
}

void key_remove(const char *name)
{
	for (size_t i = 0; i < redis_live.count; i++)
		if (strcmp(redis_live.keys[i]->name, name) == 0) {
			redis_live.keys[i] = redis_live.keys[--redis_live.count];
			return;
		}
}

struct key *key_find(const char *name)
{
	for (size_t i = 0; i < redis_live.count; i++) {
		struct key *key = redis_live.keys[i];

		if (strcmp(key->name, name) != 0)
			continue;
		if (key->expires != 0 && key->expires <= world_now()) {
			key_remove(name);
			return NULL;
		}
		return key;
	}
	return NULL;
}

struct key *key_take(const char *name, const char *kind)
{
	struct key *key = key_find(name);

	if (key)
		return key;
	key = calloc(1, sizeof(*key));
	assert(key != NULL && redis_live.count < KEYS_MAX);
	key->name = strdup(name);
	key->kind = kind;
	redis_live.keys[redis_live.count++] = key;
	return key;
}

struct field *field_find(const struct key *key, const char *name, size_t size)
{
	for (size_t i = 0; key && i < key->count; i++)
		if (text_is(&key->fields[i].name, name, size))
			return &key->fields[i];
	return NULL;
}

struct field *field_take(struct key *key, const char *name, size_t size, bool *added)
{
	struct field *field = field_find(key, name, size);

	*added = field == NULL;
	if (field)
		return field;
	if (key->count == key->capacity) {
		key->capacity = key->capacity == 0 ? 8 : key->capacity * 2;
		key->fields = realloc(key->fields, key->capacity * sizeof(*key->fields));
		assert(key->fields != NULL);
	}
	field = &key->fields[key->count++];
	*field = (struct field){.name = text_new(name, size)};
	return field;
}

void field_remove(struct key *key, struct field *field)
{
	size_t at = (size_t)(field - key->fields);

	memmove(field, field + 1, (key->count - at - 1) * sizeof(*field));
	if (--key->count == 0)
		key_remove(key->name);
}

redisReply *reply_new(int type)
{
	redisReply *reply = calloc(1, sizeof(*reply));

	assert(reply != NULL);
	reply->type = type;
	return reply;
}

redisReply *reply_text(int type, const char *data, size_t size)
{
	redisReply *reply = reply_new(type);

	reply->str = text_new(data, size).data;
	reply->len = size;
	return reply;
}

redisReply *reply_number(int64_t number)
{
	redisReply *reply = reply_new(REDIS_REPLY_INTEGER);

	reply->integer = number;
	return reply;
}

redisReply *reply_array(size_t count)
{
	redisReply *reply = reply_new(REDIS_REPLY_ARRAY);

	reply->elements = count;
	reply->element = calloc(count + 1, sizeof(redisReply *));
	assert(reply->element != NULL);
	return reply;
}

redisReply *reply_field(const struct field *field)
{
	return field ? reply_text(REDIS_REPLY_STRING, field->value.data, field->value.size)
		     : reply_new(REDIS_REPLY_NIL);
}

void redis_release(redisReply *reply)
{
	if (!reply)
		return;
	for (size_t i = 0; i < reply->elements; i++)
		redis_release(reply->element[i]);
	free(reply->element);
	free(reply->str);
	free(reply);
}
