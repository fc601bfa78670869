#include "tests/simulation/happened.h"
#include "tests/simulation/redis_keys.h"

#include <inttypes.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SCRIPTS_MAX = 64, SHA_SIZE = 40 };

static struct keyspace dump;
static struct {
	char sha[SHA_SIZE + 1];
	int function;
	bool known; /* to this life of the server */
} scripts[SCRIPTS_MAX];
static size_t script_count;
static lua_State *lua;
static int64_t away_until;
static uint64_t life;

/* Commands -------------------------------------------------------------------------------------------------------- */

struct call {
	size_t count;
	const char *const *words;
	const size_t *sizes;
};

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

/* Scripts --------------------------------------------------------------------------------------------------------- */

static redisReply *from_lua(int at)
{
	switch (lua_type(lua, at)) {
	case LUA_TNUMBER:
		return reply_number((int64_t)lua_tonumber(lua, at));
	case LUA_TSTRING: {
		size_t size;
		const char *data = lua_tolstring(lua, at, &size);
		return reply_text(REDIS_REPLY_STRING, data, size);
	}
	case LUA_TBOOLEAN:
		return lua_toboolean(lua, at) ? reply_number(1) : reply_new(REDIS_REPLY_NIL);
	case LUA_TTABLE: {
		redisReply *reply = reply_array(lua_objlen(lua, at));
		for (size_t i = 0; i < reply->elements; i++) {
			lua_rawgeti(lua, at, (int)i + 1);
			reply->element[i] = from_lua(lua_gettop(lua));
			lua_pop(lua, 1);
		}
		return reply;
	}
	default:
		return reply_new(REDIS_REPLY_NIL);
	}
}

static void to_lua(const redisReply *reply)
{
	switch (reply->type) {
	case REDIS_REPLY_INTEGER:
		lua_pushnumber(lua, (lua_Number)reply->integer);
		break;
	case REDIS_REPLY_STRING:
		lua_pushlstring(lua, reply->str, reply->len);
		break;
	case REDIS_REPLY_STATUS:
		lua_newtable(lua);
		lua_pushlstring(lua, reply->str, reply->len);
		lua_setfield(lua, -2, "ok");
		break;
	case REDIS_REPLY_ARRAY:
		lua_createtable(lua, (int)reply->elements, 0);
		for (size_t i = 0; i < reply->elements; i++) {
			to_lua(reply->element[i]);
			lua_rawseti(lua, -2, (int)i + 1);
		}
		break;
	default:
		lua_pushboolean(lua, 0);
	}
}

/* Numbers become words as Redis makes them. */
static const char *word_of(lua_State *state, int at, size_t *size)
{
	if (lua_type(state, at) == LUA_TNUMBER) {
		char number[40];
		*size = (size_t)snprintf(number, sizeof(number), "%.17g", lua_tonumber(state, at));
		lua_pushlstring(state, number, *size);
		lua_replace(state, at);
	}
	return lua_tolstring(state, at, size);
}

static int on_call(lua_State *state)
{
	int count = lua_gettop(state);
	const char **words = calloc((size_t)count, sizeof(*words));
	size_t *sizes = calloc((size_t)count, sizeof(*sizes));

	assert(words != NULL && sizes != NULL);
	for (int i = 0; i < count; i++)
		words[i] = word_of(state, i + 1, &sizes[i]);
	redisReply *reply = redis_execute((size_t)count, words, sizes);
	free(words);
	free(sizes);
	if (reply->type == REDIS_REPLY_ERROR)
		world_fail("a script's command failed: %s", reply->str);
	to_lua(reply);
	redis_release(reply);
	return 1;
}

void redis_begin(void)
{
	lua = luaL_newstate();
	assert(lua != NULL);
	luaL_openlibs(lua);
	lua_newtable(lua);
	lua_pushcfunction(lua, on_call);
	lua_setfield(lua, -2, "call");
	lua_setglobal(lua, "redis");
}

static void sha_of(const char *text, size_t size, char sha[SHA_SIZE + 1])
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (uint8_t)text[i]) * UINT64_C(0x100000001b3);
	snprintf(sha, SHA_SIZE + 1, "%016" PRIx64 "%016" PRIx64 "%08x", hash, ~hash, (unsigned)size);
}

static size_t script_take(const char *text, size_t size)
{
	char sha[SHA_SIZE + 1];
	size_t at = 0;

	sha_of(text, size, sha);
	while (at < script_count && strcmp(scripts[at].sha, sha) != 0)
		at++;
	if (at == script_count) {
		assert(script_count < SCRIPTS_MAX);
		if (luaL_loadbuffer(lua, text, size, "script") != 0)
			world_fail("a script is no Lua: %s", lua_tostring(lua, -1));
		memcpy(scripts[at].sha, sha, sizeof(sha));
		scripts[script_count++].function = luaL_ref(lua, LUA_REGISTRYINDEX);
	}
	scripts[at].known = true;
	return at;
}

static void set_list(const char *name, const struct call *call, size_t from, size_t to)
{
	lua_newtable(lua);
	for (size_t i = from; i < to; i++) {
		lua_pushlstring(lua, call->words[i], call->sizes[i]);
		lua_rawseti(lua, -2, (int)(i - from) + 1);
	}
	lua_setglobal(lua, name);
}

static redisReply *run_script(size_t script, const struct call *call)
{
	size_t keys = strtoul(call->words[2], NULL, 10);

	set_list("KEYS", call, 3, 3 + keys);
	set_list("ARGV", call, 3 + keys, call->count);
	lua_rawgeti(lua, LUA_REGISTRYINDEX, scripts[script].function);
	if (lua_pcall(lua, 0, 1, 0) != 0)
		world_fail("a script failed: %s", lua_tostring(lua, -1));
	redisReply *reply = from_lua(lua_gettop(lua));
	lua_pop(lua, 1);
	return reply;
}

static redisReply *on_eval(const struct call *call)
{
	return run_script(script_take(call->words[1], call->sizes[1]), call);
}

static redisReply *on_evalsha(const struct call *call)
{
	for (size_t i = 0; i < script_count; i++)
		if (scripts[i].known && strcmp(scripts[i].sha, call->words[1]) == 0)
			return run_script(i, call);
	return reply_text(REDIS_REPLY_ERROR, "NOSCRIPT", 8);
}

static redisReply *on_script(const struct call *call)
{
	return reply_text(REDIS_REPLY_STRING, scripts[script_take(call->words[2], call->sizes[2])].sha, SHA_SIZE);
}

redisReply *redis_execute(size_t count, const char *const *words, const size_t *sizes)
{
	static const struct {
		const char *name;
		redisReply *(*run)(const struct call *call);
	} commands[] = {{"HMGET", on_hmget}, {"HSET", on_hset}, {"HGET", on_hget}, {"HGETALL", on_hgetall},
		{"HDEL", on_remove}, {"SREM", on_remove}, {"SADD", on_sadd}, {"SMEMBERS", on_smembers},
		{"SPOP", on_spop}, {"ZADD", on_zadd}, {"ZSCORE", on_zscore}, {"ZREMRANGEBYSCORE", on_zremrangebyscore},
		{"DEL", on_del}, {"UNLINK", on_del}, {"EXISTS", on_exists}, {"RENAME", on_rename}, {"GET", on_get},
		{"SET", on_set}, {"PEXPIRE", on_pexpire}, {"PTTL", on_pttl}, {"TYPE", on_type}, {"EVAL", on_eval},
		{"EVAL_RO", on_eval}, {"EVALSHA", on_evalsha}, {"SCRIPT", on_script}};
	const struct call call = {count, words, sizes};

	for (size_t i = 0; i < ARRAY_LENGTH(commands); i++)
		if (strcasecmp(words[0], commands[i].name) == 0)
			return commands[i].run(&call);
	world_fail("the model of Redis does not know %s", words[0]);
}

/* What happens to the server -------------------------------------------------------------------------------------- */

void redis_empty(void)
{
	happened(REDIS_EMPTIED);
	world_tell("Redis is EMPTIED");
	redis_live.count = 0;
}

static void copy_keys(struct keyspace *to, const struct keyspace *from)
{
	to->count = from->count;
	for (size_t i = 0; i < from->count; i++) {
		struct key *key = calloc(1, sizeof(*key));

		assert(key != NULL);
		*key = *from->keys[i];
		key->name = strdup(from->keys[i]->name);
		key->fields = calloc(key->capacity + 1, sizeof(*key->fields));
		assert(key->fields != NULL);
		for (size_t k = 0; k < key->count; k++)
			key->fields[k] = from->keys[i]->fields[k];
		to->keys[i] = key;
	}
}

void redis_save(void)
{
	copy_keys(&dump, &redis_live);
}

void redis_restore(void)
{
	happened(REDIS_PUT_BACK);
	world_tell("Redis is PUT BACK to an old state");
	copy_keys(&redis_live, &dump);
	redis_away(50 * MS, true);
}

void redis_away(int64_t us, bool forgets_scripts)
{
	happened(REDIS_AWAY);
	world_tell("Redis is AWAY for %lld ms", (long long)(us / MS));
	away_until = world_now() + us;
	life++;
	for (size_t i = 0; forgets_scripts && i < script_count; i++)
		scripts[i].known = false;
}

bool redis_is_away(void)
{
	return world_now() < away_until;
}

uint64_t redis_life(void)
{
	return life;
}

const char *redis_hash_field(const char *key, const char *field)
{
	const struct field *found = field_find(key_find(key), field, strlen(field));

	return found ? found->value.data : NULL;
}
