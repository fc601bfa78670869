/* The sketch: a text in 40 keys. Each shingle falls to one of 40 places by its hash; a place goes to the shingle that
 * wins a race of exponential clocks, each running at its shingle's weight. So two texts have the same winner in a place
 * as often as their weighted sets are alike, and what everybody writes seldom wins (README: sources). The key is the
 * winner with the letters around it: five letters of a language are in thousands of texts, a dozen are in few. Pure. */
#ifndef SANGKIEN_DEDUPLICATION_SKETCH_H
#define SANGKIEN_DEDUPLICATION_SKETCH_H

#include "services/deduplication/lanes.h"
#include "services/deduplication/weights.h"

enum {
	SKETCH_PLACES = LANES_PLACES,
	SKETCH_KEY_BITS = 24,
	SKETCH_HEADER_SIZE = 8, /* version, three zero octets, snapshot (u32 LE) */
	SKETCH_SIZE = SKETCH_HEADER_SIZE + SKETCH_PLACES * SKETCH_KEY_BITS / 8,
	SHARDS_MAX = 64,
	LEARNING_SHARD = 0, /* its owner learns the document frequencies, so it hears of every text */
};

struct sketch {
	uint32_t snapshot;           /* it was weighted with */
	uint32_t key[SKETCH_PLACES]; /* 24 bits of who won; 0: no shingle fell there */
};

/* The text's shingles and where each first stands (shingle_text()). */
void sketch_text(const struct weights *weights, struct bytes folded, const uint32_t *hashes, const uint32_t *places,
	uint32_t count, struct sketch *sketch);
uint32_t sketch_keys(const struct sketch *sketch); /* places taken */
uint32_t sketch_shared(const struct sketch *a, const struct sketch *b);
/* How many keys a text that has `keys` must share with another for the two to be compared at all: three twentieths of
 * them, and two at least. Near copies share half; what texts of one subject share by chance costs no comparison. */
uint32_t sketch_shared_least(uint32_t keys);

/* As it travels and is stored. */
void sketch_write(const struct sketch *sketch, uint8_t out[SKETCH_SIZE]);
bool sketch_read(struct bytes bytes, struct sketch *sketch) MUST_CHECK; /* false: not a sketch of this version */

/* Who owns a key: rendezvous hashing, so that one shard more takes only its part from each of the others. */
struct shard_map {
	uint32_t shards;
	uint8_t owner[SKETCH_PLACES][256]; /* by place and the key's lowest octet */
};
void shard_map_init(struct shard_map *map, uint32_t shards);
static inline uint32_t shard_of_key(const struct shard_map *map, uint32_t place, uint32_t key)
{
	return map->owner[place][key & 0xFF];
}
/* Exact copies have a home whatever their keys. */
uint32_t shard_of_digest(const struct shard_map *map, const struct id128 *digest);
/* The shards to be asked about a text: bit s is shard s. */
uint64_t shards_of_text(const struct shard_map *map, const struct sketch *sketch, const struct id128 *digest);
/* The shards in which two texts have a key in common. */
uint64_t shards_in_common(const struct shard_map *map, const struct sketch *a, const struct sketch *b);

#endif
