#include "tests/simulation/redis_commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is(const struct call *call, size_t at, const char *word)
{
	return at < call->count && strcasecmp(call->words[at], word) == 0;
}

static redisReply *on_hmget(const struct call *call)
{
	redisReply *reply = reply_array(call->count - 2);

	for (size_t i = 2; i < call->count; i++)
		reply->element[i - 2] =
			reply_field(field_find(key_find(call->words[1]), call->words[i], call->sizes[i]));
	return reply;
}

static redisReply *on_hset(const struct call *call)
{
	struct key *key = key_take(call->words[1], "hash");
	int64_t fresh = 0;

	for (size_t i = 2; i + 1 < call->count; i += 2) {
		bool added;
		struct field *field = field_take(key, call->words[i], call->sizes[i], &added);

		field->value = text_new(call->words[i + 1], call->sizes[i + 1]);
		fresh += added;
	}
	return reply_number(fresh);
}

static redisReply *on_hget(const struct call *call)
{
	return reply_field(field_find(key_find(call->words[1]), call->words[2], call->sizes[2]));
}

static redisReply *on_hgetall(const struct call *call)
{
	const struct key *key = key_find(call->words[1]);
	redisReply *reply = reply_array(key ? key->count * 2 : 0);

	for (size_t i = 0; key && i < key->count; i++) {
		const struct field *field = &key->fields[i];

		reply->element[2 * i] = reply_text(REDIS_REPLY_STRING, field->name.data, field->name.size);
		reply->element[2 * i + 1] = reply_field(field);
	}
	return reply;
}

/* HDEL, SREM */
static redisReply *on_remove(const struct call *call)
{
	int64_t removed = 0;

	for (size_t i = 2; i < call->count; i++) {
		struct key *key = key_find(call->words[1]);
		struct field *field = field_find(key, call->words[i], call->sizes[i]);

		if (!field)
			continue;
		field_remove(key, field);
		removed++;
	}
	return reply_number(removed);
}

static redisReply *on_sadd(const struct call *call)
{
	struct key *key = key_take(call->words[1], "set");
	int64_t fresh = 0;

	for (size_t i = 2; i < call->count; i++) {
		bool added;

		field_take(key, call->words[i], call->sizes[i], &added);
		fresh += added;
	}
	return reply_number(fresh);
}

static redisReply *on_smembers(const struct call *call)
{
	const struct key *key = key_find(call->words[1]);
	redisReply *reply = reply_array(key ? key->count : 0);

	for (size_t i = 0; i < reply->elements; i++)
		reply->element[i] = reply_text(REDIS_REPLY_STRING, key->fields[i].name.data, key->fields[i].name.size);
	return reply;
}

static redisReply *on_spop(const struct call *call)
{
	struct key *key = key_find(call->words[1]);
	size_t most = strtoul(call->words[2], NULL, 10), count = key && key->count < most ? key->count : most;
	redisReply *reply = reply_array(key ? count : 0);

	for (size_t i = 0; i < reply->elements; i++) {
		reply->element[i] = reply_text(REDIS_REPLY_STRING, key->fields[0].name.data, key->fields[0].name.size);
		field_remove(key, &key->fields[0]);
	}
	return reply;
}

static redisReply *on_zadd(const struct call *call)
{
	bool greater = is(call, 2, "GT"), added;
	size_t at = greater ? 3 : 2;
	double score = strtod(call->words[at], NULL);
	struct field *field =
		field_take(key_take(call->words[1], "zset"), call->words[at + 1], call->sizes[at + 1], &added);

	if (added || !greater || score > field->score)
		field->score = score;
	return reply_number(added);
}

static redisReply *on_zscore(const struct call *call)
{
	const struct field *field = field_find(key_find(call->words[1]), call->words[2], call->sizes[2]);
	char score[32];

	if (!field)
		return reply_new(REDIS_REPLY_NIL);
	snprintf(score, sizeof(score), "%.17g", field->score);
	return reply_text(REDIS_REPLY_STRING, score, strlen(score));
}

static redisReply *on_zremrangebyscore(const struct call *call)
{
	double most = strtod(call->words[3], NULL);
	int64_t removed = 0;
	struct key *key;
	size_t at = 0;

	while ((key = key_find(call->words[1])) && at < key->count) {
		if (key->fields[at].score > most) {
			at++;
			continue;
		}
		field_remove(key, &key->fields[at]);
		removed++;
	}
	return reply_number(removed);
}

/* DEL, UNLINK */
static redisReply *on_del(const struct call *call)
{
	int64_t removed = 0;

	for (size_t i = 1; i < call->count; i++) {
		removed += key_find(call->words[i]) != NULL;
		key_remove(call->words[i]);
	}
	return reply_number(removed);
}

static redisReply *on_exists(const struct call *call)
{
	return reply_number(key_find(call->words[1]) != NULL);
}

static redisReply *on_rename(const struct call *call)
{
	struct key *key = key_find(call->words[1]);

	if (!key)
		return reply_text(REDIS_REPLY_ERROR, "ERR no such key", 15);
	key_remove(call->words[2]);
	key->name = strdup(call->words[2]);
	return reply_text(REDIS_REPLY_STATUS, "OK", 2);
}

static redisReply *on_get(const struct call *call)
{
	return reply_field(field_find(key_find(call->words[1]), "", 0));
}

static redisReply *on_set(const struct call *call)
{
	int64_t expires = 0;
	bool added;

	for (size_t i = 3; i < call->count; i++) {
		if (is(call, i, "NX") && key_find(call->words[1]))
			return reply_new(REDIS_REPLY_NIL);
		if (is(call, i, "PX"))
			expires = world_now() + strtoll(call->words[i + 1], NULL, 10) * MS;
	}
	struct key *key = key_take(call->words[1], "string");
	field_take(key, "", 0, &added)->value = text_new(call->words[2], call->sizes[2]);
	key->expires = expires;
	return reply_text(REDIS_REPLY_STATUS, "OK", 2);
}

static redisReply *on_pexpire(const struct call *call)
{
	struct key *key = key_find(call->words[1]);

	if (key)
		key->expires = world_now() + strtoll(call->words[2], NULL, 10) * MS;
	return reply_number(key != NULL);
}

static redisReply *on_type(const struct call *call)
{
	const struct key *key = key_find(call->words[1]);
	const char *kind = key ? key->kind : "none";

	return reply_text(REDIS_REPLY_STATUS, kind, strlen(kind));
}

static redisReply *on_pttl(const struct call *call)
{
	const struct key *key = key_find(call->words[1]);

	if (!key || key->expires == 0)
		return reply_number(key ? -1 : -2);
	return reply_number((key->expires - world_now()) / MS);
}

/* All of them ----------------------------------------------------------------------------------------------------- */

redisReply *redis_execute(size_t count, const char *const *words, const size_t *sizes)
{
	static const struct {
		const char *name;
		redisReply *(*run)(const struct call *call);
	} commands[] = {{"HMGET", on_hmget}, {"HSET", on_hset}, {"HGET", on_hget}, {"HGETALL", on_hgetall},
		{"HDEL", on_remove}, {"SREM", on_remove}, {"SADD", on_sadd}, {"SMEMBERS", on_smembers},
		{"SPOP", on_spop}, {"ZADD", on_zadd}, {"ZSCORE", on_zscore}, {"ZREMRANGEBYSCORE", on_zremrangebyscore},
		{"DEL", on_del}, {"UNLINK", on_del}, {"EXISTS", on_exists}, {"RENAME", on_rename}, {"GET", on_get},
		{"SET", on_set}, {"PEXPIRE", on_pexpire}, {"PTTL", on_pttl}, {"TYPE", on_type}, {"EVAL", redis_eval},
		{"EVAL_RO", redis_eval}, {"EVALSHA", redis_evalsha}, {"SCRIPT", redis_script}};
	const struct call call = {count, words, sizes};

	for (size_t i = 0; i < ARRAY_LENGTH(commands); i++)
		if (strcasecmp(words[0], commands[i].name) == 0)
			return commands[i].run(&call);
	world_fail("the model of Redis does not know %s", words[0]);
}
