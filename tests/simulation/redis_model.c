/* What happens to the server of the model of Redis: emptied, away, put back to an old state. */
#include "tests/simulation/happened.h"
#include "tests/simulation/redis_commands.h"

#include <stdlib.h>
#include <string.h>

static struct keyspace dump;
static int64_t away_until;
static uint64_t life;

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
	if (forgets_scripts)
		redis_forget_scripts();
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
