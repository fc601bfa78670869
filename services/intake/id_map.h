/* A bounded map from submission ids to what is kept of them. Pure; not for several threads at once. */
#ifndef SANGKIEN_INTAKE_ID_MAP_H
#define SANGKIEN_INTAKE_ID_MAP_H

#include "common/runtime/base.h"

struct id_map;

struct id_map *id_map_new(size_t most) MUST_CHECK;
void id_map_free(struct id_map **map);
/* False: full, or the id is there already. `value` is not NULL. */
bool id_map_add(struct id_map *map, const struct id128 *id, void *value) MUST_CHECK;
void *id_map_find(const struct id_map *map, const struct id128 *id); /* NULL: none */
void *id_map_remove(struct id_map *map, const struct id128 *id);     /* what stood there, NULL: nothing */
size_t id_map_count(const struct id_map *map);

#endif
