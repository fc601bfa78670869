#include "services/deduplication/postings.h"

#include "services/deduplication/index.h"
#include "services/deduplication/pages.h"

#include <stdlib.h>
#include <string.h>

enum { HOMES_LEAST = 1024, WALK_MAX = 1024, WORD = 8 };

/* The load at which it grows, and by how much: between 0.6 and 0.8 is 6.3-8.3 bytes a posting. */
static bool is_full(const struct postings *postings)
{
	return (uint64_t)(postings->used + 1) * 5 > (uint64_t)postings->capacity * 4;
}

static uint8_t tag_of(uint32_t key)
{
	return (uint8_t)(1 + (key & 0xFF) % 255);
}

uint32_t postings_home(const struct postings *postings, uint32_t key)
{
	return (uint32_t)((uint64_t)key * postings->capacity >> SKETCH_KEY_BITS);
}

static size_t slots_of(uint32_t capacity)
{
	return (size_t)capacity + WALK_MAX + WORD;
}

void postings_deinit(struct postings *postings)
{
	pages_free(postings->tag, slots_of(postings->capacity));
	pages_free(postings->entry, slots_of(postings->capacity) * sizeof(uint32_t));
	*postings = (struct postings){0};
}

/* Eight tags a step: a word with the high bit of each octet set where it equals `octet`. */
static uint64_t octets_equal(uint64_t word, uint8_t octet)
{
	const uint64_t low = 0x7F7F7F7F7F7F7F7Fu;
	uint64_t x = word ^ 0x0101010101010101u * octet;
	return ~(((x & low) + low) | x | low);
}

static uint32_t count_octets(uint64_t marked)
{
	return (uint32_t)((marked >> 7) * 0x0101010101010101u >> 56);
}

uint32_t postings_find(const struct postings *postings, uint32_t key, uint32_t home, uint32_t *entries, uint32_t most)
{
	uint32_t count = 0;
	if (postings->capacity == 0)
		return 0;
	for (uint32_t at = home; at < home + WALK_MAX; at += WORD) {
		uint64_t word;
		memcpy(&word, postings->tag + at, sizeof(word));
		uint64_t equal = octets_equal(word, tag_of(key)), free_slots = octets_equal(word, 0);
		if (free_slots != 0) /* what lies behind the first free slot is not of this key */
			equal &= (free_slots & -free_slots) - 1;
		for (; equal != 0 && count < most; equal &= equal - 1)
			entries[count++] = postings->entry[at + (uint32_t)__builtin_ctzll(equal) / 8];
		if (free_slots != 0 || count == most)
			break;
	}
	return count;
}

void postings_add(struct postings *postings, uint32_t key, uint32_t entry)
{
	uint32_t home = postings_home(postings, key), same = 0;
	for (uint32_t at = home; at < home + WALK_MAX; at += WORD) {
		uint64_t word;
		memcpy(&word, postings->tag + at, sizeof(word));
		uint64_t equal = octets_equal(word, tag_of(key)), free_slots = octets_equal(word, 0);
		if (free_slots != 0) {
			at += (uint32_t)__builtin_ctzll(free_slots) / 8;
			equal &= (free_slots & -free_slots) - 1;
		}
		same += count_octets(equal);
		if (same >= INDEX_LIST_MAX)
			return;
		if (free_slots != 0) {
			postings->tag[at] = tag_of(key);
			postings->entry[at] = entry;
			postings->used++;
			return;
		}
	}
}

static bool allocate(struct postings *postings, uint32_t capacity)
{
	size_t slots = slots_of(capacity);
	*postings = (struct postings){
		.tag = pages_new(slots), .entry = pages_new(slots * sizeof(uint32_t)), .capacity = capacity};
	if (postings->tag != NULL && postings->entry != NULL)
		return true;
	postings_deinit(postings);
	return false;
}

/* The places grow one after another rather than all at the same text: each has its own first size. */
static uint32_t next_capacity(const struct postings *postings, uint32_t place)
{
	if (postings->capacity == 0)
		return HOMES_LEAST + HOMES_LEAST * place / (3 * SKETCH_PLACES);
	return postings->capacity + postings->capacity / 3;
}

bool postings_reserve(struct postings *postings, uint32_t place, const struct entries *entries,
	const struct shard_map *map, uint32_t shard)
{
	if (!is_full(postings))
		return true;
	struct postings larger;
	if (!allocate(&larger, next_capacity(postings, place)))
		return false;
	for (uint32_t i = 0; i < entries->count; i++) {
		const struct entry *entry = entry_at(entries, i);
		uint32_t key = entry_key(entry, place);
		if (entry->posted && key != 0 && shard_of_key(map, place, key) == shard)
			postings_add(&larger, key, i);
	}
	postings_deinit(postings);
	*postings = larger;
	return true;
}

uint64_t postings_bytes(const struct postings *postings)
{
	return postings->capacity == 0 ? 0 : slots_of(postings->capacity) * (1 + sizeof(uint32_t));
}
