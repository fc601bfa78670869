/* The keyspace of the model of Redis, and replies. */
#ifndef SANGKIEN_SIMULATION_REDIS_KEYS_H
#define SANGKIEN_SIMULATION_REDIS_KEYS_H

#include "tests/simulation/redis_model.h"

enum { KEYS_MAX = 4096 };

struct text {
	char *data;
	size_t size;
};

struct field {
	struct text name, value; /* of a hash; a member of a set has a name alone */
	double score;            /* of a sorted set */
};

struct key { /* one kind for all: a string is a field without a name */
	char *name;
	const char *kind; /* "hash", "set", "zset", "string" */
	struct field *fields;
	size_t count, capacity;
	int64_t expires; /* 0: never */
};

struct keyspace {
	struct key *keys[KEYS_MAX];
	size_t count;
};

extern struct keyspace redis_live; /* what the server has now */

struct text text_new(const char *data, size_t size);
bool text_is(const struct text *text, const char *data, size_t size);
void key_remove(const char *name);
struct key *key_find(const char *name);
struct key *key_take(const char *name, const char *kind);
struct field *field_find(const struct key *key, const char *name, size_t size);
struct field *field_take(struct key *key, const char *name, size_t size, bool *added);
void field_remove(struct key *key, struct field *field);
redisReply *reply_new(int type);
redisReply *reply_text(int type, const char *data, size_t size);
redisReply *reply_number(int64_t number);
redisReply *reply_array(size_t count);
redisReply *reply_field(const struct field *field);

#endif
