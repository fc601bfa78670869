#include "services/deduplication/sketch.h"

#include <string.h>

enum { SKETCH_VERSION = 1, AT_ONCE = 256, KEY_AROUND = 4, SHARED_LEAST = 6 };
#define NOBODY UINT64_MAX
#define SIGN_OFF 0x7FFFFFFFu /* the logarithm of what is all but 1 may be on the wrong side of 0 */

/* The winner and its neighbourhood, as far as the text goes. */
static uint32_t key_of(struct bytes folded, uint32_t at)
{
	uint32_t from = at < KEY_AROUND ? 0 : at - KEY_AROUND, to = at + SHINGLE_BYTES + KEY_AROUND;
	uint64_t hash = 0;

	for (uint32_t i = from; i < to && i < folded.size; i++)
		hash = (hash ^ folded.data[i]) * 0x9E3779B97F4A7C15u;
	hash ^= hash >> 29;
	uint32_t key = (uint32_t)(hash * 0xBF58476D1CE4E5B9u >> 40);
	return key == 0 ? 1 : key;
}

void sketch_text(const struct weights *weights, struct bytes folded, const uint32_t *hashes, const uint32_t *places,
	uint32_t count, struct sketch *sketch)
{
	const struct lanes *lanes = lanes_best();
	float weight[AT_ONCE], rings[AT_ONCE];
	uint32_t place[AT_ONCE];
	uint64_t first[SKETCH_PLACES]; /* when, and behind it who: the bits of times are in order as times are */

	for (size_t p = 0; p < SKETCH_PLACES; p++)
		first[p] = NOBODY;
	for (uint32_t from = 0; from < count; from += AT_ONCE) {
		uint32_t these = count - from < AT_ONCE ? count - from : AT_ONCE;
		lanes->weigh(weights->level, weights->worth, hashes + from, these, weight);
		lanes->run_clocks(hashes + from, weight, these, rings, place);
		for (uint32_t i = 0; i < these; i++) {
			uint32_t when;
			memcpy(&when, &rings[i], sizeof(when));
			uint64_t one = (uint64_t)(when & SIGN_OFF) << 32 | (from + i), *least = &first[place[i]];
			*least = one < *least ? one : *least;
		}
	}
	*sketch = (struct sketch){.snapshot = weights->number};
	for (size_t p = 0; p < SKETCH_PLACES; p++)
		if (first[p] != NOBODY)
			sketch->key[p] = key_of(folded, places[first[p] & UINT32_MAX]);
}

uint32_t sketch_keys(const struct sketch *sketch)
{
	uint32_t keys = 0;
	for (size_t place = 0; place < SKETCH_PLACES; place++)
		keys += sketch->key[place] != 0;
	return keys;
}

uint32_t sketch_shared(const struct sketch *a, const struct sketch *b)
{
	uint32_t shared = 0;
	for (size_t place = 0; place < SKETCH_PLACES; place++)
		shared += a->key[place] == b->key[place] && a->key[place] != 0;
	return shared;
}

uint32_t sketch_shared_least(uint32_t keys)
{
	uint32_t least = keys * SHARED_LEAST / SKETCH_PLACES;
	return least < 2 ? 2 : least;
}

void sketch_write(const struct sketch *sketch, uint8_t out[SKETCH_SIZE])
{
	memset(out, 0, SKETCH_HEADER_SIZE);
	out[0] = SKETCH_VERSION;
	memcpy(out + 4, &sketch->snapshot, sizeof(sketch->snapshot));
	for (size_t place = 0; place < SKETCH_PLACES; place++)
		memcpy(out + SKETCH_HEADER_SIZE + 3 * place, &sketch->key[place], 3);
}

bool sketch_read(struct bytes bytes, struct sketch *sketch)
{
	if (bytes.size != SKETCH_SIZE || bytes.data[0] != SKETCH_VERSION)
		return false;
	memset(sketch, 0, sizeof(*sketch));
	memcpy(&sketch->snapshot, bytes.data + 4, sizeof(sketch->snapshot));
	for (size_t place = 0; place < SKETCH_PLACES; place++)
		memcpy(&sketch->key[place], bytes.data + SKETCH_HEADER_SIZE + 3 * place, 3);
	return true;
}

/* Shards ---------------------------------------------------------------------------------------------------------- */

static uint32_t mix(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x7FEB352Du;
	x ^= x >> 15;
	x *= 0x846CA68Bu;
	return x ^ x >> 16;
}

void shard_map_init(struct shard_map *map, uint32_t shards)
{
	assert(shards >= 1 && shards <= SHARDS_MAX);
	map->shards = shards;
	for (uint32_t place = 0; place < SKETCH_PLACES; place++) {
		for (uint32_t octet = 0; octet < 256; octet++) {
			uint32_t best = 0, owner = 0;
			for (uint32_t shard = 0; shard < shards; shard++) {
				uint32_t bid = mix(mix(place << 8 | octet) ^ mix(shard + 0x632BE5ABu));
				if (shard == 0 || bid > best) {
					best = bid;
					owner = shard;
				}
			}
			map->owner[place][octet] = (uint8_t)owner;
		}
	}
}

uint32_t shard_of_digest(const struct shard_map *map, const struct id128 *digest)
{
	return map->owner[digest->octet[0] % SKETCH_PLACES][digest->octet[1]];
}

uint64_t shards_of_text(const struct shard_map *map, const struct sketch *sketch, const struct id128 *digest)
{
	uint64_t shards = UINT64_C(1) << shard_of_digest(map, digest) | UINT64_C(1) << LEARNING_SHARD;
	for (uint32_t place = 0; place < SKETCH_PLACES; place++)
		if (sketch->key[place] != 0)
			shards |= UINT64_C(1) << shard_of_key(map, place, sketch->key[place]);
	return shards;
}

uint64_t shards_in_common(const struct shard_map *map, const struct sketch *a, const struct sketch *b)
{
	uint64_t shards = 0;
	for (uint32_t place = 0; place < SKETCH_PLACES; place++)
		if (a->key[place] == b->key[place] && a->key[place] != 0)
			shards |= UINT64_C(1) << shard_of_key(map, place, a->key[place]);
	return shards;
}
