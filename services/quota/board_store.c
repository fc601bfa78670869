#include "services/quota/board_store.h"

#include "common/runtime/clock.h"
#include "common/runtime/random.h"
#include "common/runtime/redis.h"
#include "services/quota/board_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SHA_SIZE = 41,
	REBUILD_TTL_MS = 10000,
};

struct board_store {
	struct redis *redis;
	char sha[BOARD_SCRIPTS][SHA_SIZE]; /* "": to be loaded (again) */
	struct board_words words;
};

struct board_store *board_store_open(
	const char *address, const char *user, const char *password_file, uint32_t timeout_ms)
{
	struct board_store *store = calloc(1, sizeof(*store));

	if (store == NULL)
		return NULL;
	store->redis = redis_open(address, user, password_file, timeout_ms);
	if (store->redis == NULL)
		board_store_close(&store);
	return store;
}

void board_store_close(struct board_store **handle)
{
	struct board_store *store = *handle;

	*handle = NULL;
	if (store == NULL)
		return;
	redis_close(&store->redis);
	board_words_deinit(&store->words);
	free(store);
}

/* Another server answers after a loss, or the same one without its scripts. */
static void forget_scripts(struct board_store *store)
{
	memset(store->sha, 0, sizeof(store->sha));
}

bool board_store_ready(struct board_store *store)
{
	bool ready = redis_ready(store->redis);

	if (!ready)
		forget_scripts(store);
	return ready;
}

/* Scripts --------------------------------------------------------------------------------------------------------- */

static bool load_script(struct board_store *store, enum board_script script)
{
	CLEANUP(redis_reply_clear) redisReply *reply = NULL;
	const char *words[] = {"SCRIPT", "LOAD", board_script_text(script)};

	if (store->sha[script][0] != '\0')
		return true;
	reply = redis_run(store->redis, ARRAY_LENGTH(words), words, NULL);
	if (reply == NULL || reply->type != REDIS_REPLY_STRING || reply->len != SHA_SIZE - 1)
		return false;
	memcpy(store->sha[script], reply->str, SHA_SIZE - 1);
	return true;
}

static bool begin_script(struct board_store *store, enum board_script script, int64_t keys)
{
	if (!load_script(store, script)) {
		forget_scripts(store);
		return false;
	}
	board_words_begin(&store->words);
	board_words_text(&store->words, "EVALSHA");
	board_words_text(&store->words, store->sha[script]);
	board_words_number(&store->words, keys);
	return true;
}

static bool append_script(struct board_store *store)
{
	struct board_words *words = &store->words;

	return board_words_end(words) && redis_append(store->redis, (int)words->count, words->argv, words->sizes);
}

static bool collect_number(struct board_store *store, int64_t *number)
{
	CLEANUP(redis_reply_clear) redisReply *reply = redis_collect(store->redis);

	if (reply == NULL || reply->type != REDIS_REPLY_INTEGER) {
		forget_scripts(store);
		return false;
	}
	*number = reply->integer;
	return true;
}

static bool run_script(struct board_store *store, int64_t *number)
{
	return append_script(store) && collect_number(store, number);
}

bool board_store_apply(struct board_store *store, const struct board_news *news, size_t count)
{
	struct board_words *words = &store->words;
	int64_t applied;
	size_t sent = 0;
	bool good = redis_ready(store->redis) && load_script(store, BOARD_APPLY);

	for (; good && sent < count; sent += good) {
		good = begin_script(store, BOARD_APPLY, 3);
		board_words_key(words, news[sent].campaign, "meta");
		board_words_key(words, news[sent].campaign, "ahead");
		board_words_key(words, news[sent].campaign, "ahead:building");
		board_words_number(words, news[sent].version);
		board_words_rows(words, &news[sent]);
		good = good && append_script(store);
	}
	for (size_t i = 0; i < sent; i++)
		good &= collect_number(store, &applied);
	return good;
}

bool board_store_state(struct board_store *store, uint32_t campaign, struct board_state *state)
{
	CLEANUP(redis_reply_clear)
	redisReply *reply =
		redis_command(store->redis, "HMGET board:{c%u}:meta generation applied building tree", campaign);

	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != 4)
		return false;
	*state = (struct board_state){.building = reply->element[2]->type == REDIS_REPLY_STRING};
	if (reply->element[0]->type != REDIS_REPLY_STRING || reply->element[1]->type != REDIS_REPLY_STRING)
		return true;
	state->exists = true;
	state->generation = strtoll(reply->element[0]->str, NULL, 10);
	state->applied = strtoll(reply->element[1]->str, NULL, 10);
	if (reply->element[3]->type == REDIS_REPLY_STRING)
		state->tree = strtoull(reply->element[3]->str, NULL, 10);
	return true;
}

bool board_store_drop(struct board_store *store, uint32_t campaign)
{
	int64_t ignored;

	if (!begin_script(store, BOARD_DROP, 3))
		return false;
	board_words_key(&store->words, campaign, "meta");
	board_words_key(&store->words, campaign, "ahead");
	board_words_key(&store->words, campaign, "ahead:building");
	return run_script(store, &ignored);
}

bool board_store_mend(struct board_store *store, uint32_t campaign, int64_t *mended)
{
	static const char *const names[] = {"meta", "ahead", "ahead:building", "generations", "rebuild"};

	if (!begin_script(store, BOARD_MEND, ARRAY_LENGTH(names)))
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		board_words_key(&store->words, campaign, names[i]);
	return run_script(store, mended);
}

/* "version entered counted people awarded" */
static bool read_figures(const char *text, struct board_stored *stored)
{
	int64_t *const figures[] = {&stored->version, &stored->row.entered, &stored->row.counted, &stored->row.people,
		&stored->row.awarded};

	for (size_t i = 0; i < ARRAY_LENGTH(figures); i++) {
		char *end;

		if (*text < '0' || *text > '9')
			return false;
		*figures[i] = strtoll(text, &end, 10);
		text = end + 1;
		if (*end != (i + 1 == ARRAY_LENGTH(figures) ? '\0' : ' '))
			return false;
	}
	return true;
}

/* An error is an answer too: a stranger put something else under that name, and readers find no row. */
bool board_store_read(struct board_store *store, uint32_t campaign, int64_t generation, uint32_t parent, uint32_t phase,
	void (*take)(const struct board_stored *stored, void *context), void *context)
{
	CLEANUP(redis_reply_clear)
	redisReply *reply = redis_command(
		store->redis, "HGETALL board:{c%u}:g%lld:%u:%u", campaign, (long long)generation, parent, phase);

	if (reply == NULL)
		return redis_ready(store->redis);
	for (size_t i = 0; i + 1 < reply->elements; i += 2) {
		struct board_stored stored = {.row = {.parent = parent, .phase = phase}};

		stored.row.unit = (uint32_t)strtoul(reply->element[i]->str, NULL, 10);
		stored.readable = read_figures(reply->element[i + 1]->str, &stored);
		take(&stored, context);
	}
	return true;
}

void board_store_own(struct board_store *store, uint32_t campaign, int64_t generation, uint32_t parent, uint32_t phase)
{
	CLEANUP(redis_reply_clear)
	redisReply *reply = redis_command(store->redis, "SADD board:{c%u}:g%lld:keys board:{c%u}:g%lld:%u:%u", campaign,
		(long long)generation, campaign, (long long)generation, parent, phase);

	if (reply == NULL)
		return; /* the next look finds it again */
}

/* Rebuilds -------------------------------------------------------------------------------------------------------- */

static void make_token(char token[33])
{
	struct id128 id = random_id();

	for (size_t i = 0; i < ID128_SIZE; i++)
		snprintf(token + 2 * i, 3, "%02x", id.octet[i]);
}

static bool take_lock(struct board_store *store, const struct board_rebuild *rebuild)
{
	CLEANUP(redis_reply_clear)
	redisReply *reply = redis_command(
		store->redis, "SET board:{c%u}:rebuild %s NX PX %d", rebuild->campaign, rebuild->token, REBUILD_TTL_MS);

	return reply != NULL && reply->type == REDIS_REPLY_STATUS;
}

static void release_lock(struct board_store *store, const struct board_rebuild *rebuild)
{
	int64_t ignored;

	if (!begin_script(store, BOARD_RELEASE, 1))
		return;
	board_words_key(&store->words, rebuild->campaign, "rebuild");
	board_words_text(&store->words, rebuild->token);
	/* A lock that is not let go ends by itself. */
	if (!run_script(store, &ignored))
		return;
}

static bool begin_generation(struct board_store *store, const struct board_rebuild *rebuild)
{
	int64_t answer;

	if (!begin_script(store, BOARD_BEGIN, 4))
		return false;
	board_words_key(&store->words, rebuild->campaign, "meta");
	board_words_key(&store->words, rebuild->campaign, "ahead:building");
	board_words_key(&store->words, rebuild->campaign, "rebuild");
	board_words_key(&store->words, rebuild->campaign, "generations");
	board_words_text(&store->words, rebuild->token);
	board_words_number(&store->words, rebuild->generation);
	return run_script(store, &answer) && answer == 0;
}

bool board_store_begin(struct board_store *store, uint32_t campaign, struct board_rebuild *rebuild)
{
	/* A number that no generation had before, also when everything before was lost or an old dump came back. */
	*rebuild = (struct board_rebuild){.campaign = campaign, .generation = clock_now_us()};
	make_token(rebuild->token);
	/* What calls for a rebuild may have taken the scripts too. */
	forget_scripts(store);
	if (!take_lock(store, rebuild))
		return false;
	if (begin_generation(store, rebuild))
		return true;
	release_lock(store, rebuild);
	return false;
}

bool board_store_load(struct board_store *store, const struct board_rebuild *rebuild, const struct board_news *rows)
{
	int64_t answer;

	if (!begin_script(store, BOARD_LOAD, 2))
		return false;
	board_words_key(&store->words, rebuild->campaign, "meta");
	board_words_key(&store->words, rebuild->campaign, "rebuild");
	board_words_text(&store->words, rebuild->token);
	board_words_number(&store->words, rebuild->generation);
	board_words_number(&store->words, REBUILD_TTL_MS);
	board_words_number(&store->words, rows->version);
	board_words_rows(&store->words, rows);
	return run_script(store, &answer) && answer == 0;
}

bool board_store_switch(struct board_store *store, const struct board_rebuild *rebuild, int64_t version, uint64_t tree,
	int64_t *applied)
{
	if (!begin_script(store, BOARD_SWITCH, 4))
		return false;
	board_words_key(&store->words, rebuild->campaign, "meta");
	board_words_key(&store->words, rebuild->campaign, "rebuild");
	board_words_key(&store->words, rebuild->campaign, "ahead");
	board_words_key(&store->words, rebuild->campaign, "ahead:building");
	board_words_text(&store->words, rebuild->token);
	board_words_number(&store->words, rebuild->generation);
	board_words_number(&store->words, version);
	board_words_number(&store->words, (int64_t)tree);
	return run_script(store, applied);
}

static bool sweep_some(struct board_store *store, uint32_t campaign, int64_t *deleted)
{
	if (!begin_script(store, BOARD_SWEEP, 4))
		return false;
	board_words_key(&store->words, campaign, "meta");
	board_words_key(&store->words, campaign, "generations");
	board_words_key(&store->words, campaign, "rebuild");
	board_words_key(&store->words, campaign, "ahead:building");
	return run_script(store, deleted);
}

void board_store_sweep(struct board_store *store, uint32_t campaign)
{
	int64_t deleted = 1;

	while (deleted > 0 && sweep_some(store, campaign, &deleted))
		;
}

void board_store_end(struct board_store *store, const struct board_rebuild *rebuild)
{
	board_store_sweep(store, rebuild->campaign);
	release_lock(store, rebuild);
}
