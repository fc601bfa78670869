#include "services/intake/id_map.h"

#include <stdlib.h>
#include <string.h>

struct slot {
	struct id128 id;
	void *value; /* NULL: free */
};

/* Open addressing, at most half full; a removal moves the ones behind it up, so no tombstones gather. */
struct id_map {
	size_t most, count, mask;
	struct slot slots[];
};

struct id_map *id_map_new(size_t most)
{
	size_t capacity = 16;
	while (capacity < most * 2)
		capacity *= 2;
	struct id_map *map = calloc(1, sizeof(*map) + capacity * sizeof(map->slots[0]));
	if (map == NULL)
		return NULL;
	map->most = most;
	map->mask = capacity - 1;
	return map;
}

void id_map_free(struct id_map **map)
{
	free(*map);
	*map = NULL;
}

/* An id ends with 88 random bits. */
static size_t home_of(const struct id_map *map, const struct id128 *id)
{
	uint64_t hash;
	memcpy(&hash, id->octet + ID128_SIZE - sizeof(hash), sizeof(hash));
	return hash & map->mask;
}

static size_t slot_of(const struct id_map *map, const struct id128 *id)
{
	size_t at = home_of(map, id);
	while (map->slots[at].value != NULL && !id128_equal(&map->slots[at].id, id))
		at = (at + 1) & map->mask;
	return at;
}

bool id_map_add(struct id_map *map, const struct id128 *id, void *value)
{
	assert(value != NULL);
	size_t at = slot_of(map, id);
	if (map->slots[at].value != NULL || map->count == map->most)
		return false;
	map->slots[at] = (struct slot){*id, value};
	map->count++;
	return true;
}

void *id_map_find(const struct id_map *map, const struct id128 *id)
{
	return map->slots[slot_of(map, id)].value;
}

void *id_map_remove(struct id_map *map, const struct id128 *id)
{
	size_t hole = slot_of(map, id);
	void *value = map->slots[hole].value;
	if (value == NULL)
		return NULL;
	for (size_t at = (hole + 1) & map->mask; map->slots[at].value != NULL; at = (at + 1) & map->mask) {
		/* Its home is not between the hole and itself: it may move up. */
		if (((at - home_of(map, &map->slots[at].id)) & map->mask) >= ((at - hole) & map->mask)) {
			map->slots[hole] = map->slots[at];
			hole = at;
		}
	}
	map->slots[hole].value = NULL;
	map->count--;
	return value;
}

size_t id_map_count(const struct id_map *map)
{
	return map->count;
}
