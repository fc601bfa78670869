#include "services/control/units_fault.h"

#include <stdlib.h>

struct parents {
	const struct unit_row *rows;
	size_t count;
	uint32_t *row_of; /* by id, plus one; heap */
	uint32_t largest;
};

static bool parents_init(struct parents *parents, const struct unit_row *rows, size_t count)
{
	*parents = (struct parents){.rows = rows, .count = count};
	for (size_t i = 0; i < count; i++)
		if (rows[i].id > parents->largest)
			parents->largest = rows[i].id;
	parents->row_of = calloc((size_t)parents->largest + 1, sizeof(*parents->row_of));
	for (size_t i = 0; parents->row_of != NULL && i < count; i++)
		parents->row_of[rows[i].id] = (uint32_t)i + 1;
	return parents->row_of != NULL;
}

/* `count` for the root. */
static size_t above(const struct parents *parents, size_t row)
{
	uint32_t parent = parents->rows[row].parent;

	if (parent == 0 || parent > parents->largest || parents->row_of[parent] == 0)
		return parents->count;
	return parents->row_of[parent] - 1;
}

static bool is_too_deep(const struct parents *parents, size_t row)
{
	size_t depth = 1;

	while (depth <= UNIT_DEPTH_MAX && (row = above(parents, row)) != parents->count)
		depth++;
	return depth > UNIT_DEPTH_MAX;
}

/* Where the way up from a row ends in a circle, that one of it which stands first; else `count`. */
static size_t find_circle(const struct parents *parents, size_t row)
{
	size_t first;

	for (size_t step = 0; step < parents->count && row != parents->count; step++)
		row = above(parents, row);
	if (row == parents->count)
		return row;
	first = row;
	for (size_t at = above(parents, row); at != row; at = above(parents, at))
		first = at < first ? at : first;
	return first;
}

size_t units_faulty_row(const struct unit_row *rows, size_t count, const char **what)
{
	struct parents parents;
	size_t row = 0;

	if (!parents_init(&parents, rows, count))
		return count;
	while (row < count && !is_too_deep(&parents, row))
		row++;
	if (row < count) {
		size_t in_circle = find_circle(&parents, row);
		*what = in_circle < count
				? "it stands below itself; give one of that circle a parent outside it:"
				: "it stands deeper than a tree goes; give it or one above it a higher parent:";
		row = in_circle < count ? in_circle : row;
	}
	free(parents.row_of);
	return row;
}
