/* Scripts are run by Lua 5.1, as the services wrote them; redis.call() is a command of the model. */
#include "tests/simulation/redis_commands.h"

#include <inttypes.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCRIPTS_MAX = 64, SHA_SIZE = 40 };

static struct {
	char sha[SHA_SIZE + 1];
	int function;
	bool known; /* to this life of the server */
} scripts[SCRIPTS_MAX];
static size_t script_count;
static lua_State *lua;

/* Values to Lua and back ------------------------------------------------------------------------------------------ */

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

redisReply *redis_eval(const struct call *call)
{
	return run_script(script_take(call->words[1], call->sizes[1]), call);
}

redisReply *redis_evalsha(const struct call *call)
{
	for (size_t i = 0; i < script_count; i++)
		if (scripts[i].known && strcmp(scripts[i].sha, call->words[1]) == 0)
			return run_script(i, call);
	return reply_text(REDIS_REPLY_ERROR, "NOSCRIPT", 8);
}

redisReply *redis_script(const struct call *call)
{
	return reply_text(REDIS_REPLY_STRING, scripts[script_take(call->words[2], call->sizes[2])].sha, SHA_SIZE);
}

void redis_forget_scripts(void)
{
	for (size_t i = 0; i < script_count; i++)
		scripts[i].known = false;
}
