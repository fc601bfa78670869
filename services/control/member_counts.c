#include "services/control/member_counts.h"

#include <stdlib.h>

void member_counts_free(struct member_counts *counts)
{
	free(counts->rows);
	*counts = (struct member_counts){0};
}

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

static int compare_rows(const void *left, const void *right)
{
	const struct member_count *a = left, *b = right;

	return a->unit != b->unit ? COMPARE(a->unit, b->unit) : COMPARE(a->from, b->from);
}

bool member_counts_sort(struct member_counts *counts, const struct member_count **twice)
{
	if (counts->count > 1)
		qsort(counts->rows, counts->count, sizeof(*counts->rows), compare_rows);
	for (size_t i = 1; i < counts->count; i++)
		if (compare_rows(&counts->rows[i - 1], &counts->rows[i]) == 0) {
			*twice = &counts->rows[i];
			return false;
		}
	return true;
}

/* The last row of the unit that holds on the day. */
static const struct member_count *find_own(const struct member_counts *counts, uint32_t unit, int32_t day)
{
	size_t low = 0, high = counts->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct member_count *row = &counts->rows[middle];
		if (row->unit < unit || (row->unit == unit && row->from <= day))
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && counts->rows[low - 1].unit == unit ? &counts->rows[low - 1] : NULL;
}

bool member_counts_find(
	const struct member_counts *counts, const struct unit_tree *tree, uint32_t unit, int32_t day, uint64_t *members)
{
	const struct member_count *own = find_own(counts, unit, day);
	size_t child_count;
	const struct unit *const *children = unit_children(tree, unit, &child_count);

	*members = own == NULL ? 0 : own->members;
	if (own != NULL)
		return true;
	for (size_t i = 0; i < child_count; i++) {
		uint64_t of_child;
		/* A sum of some of them would lower the target without a word. */
		if (!member_counts_find(counts, tree, children[i]->id, day, &of_child))
			return false;
		*members += of_child;
	}
	return child_count > 0;
}

static int compare_days(const void *left, const void *right)
{
	const int32_t *a = left, *b = right;

	return COMPARE(*a, *b);
}

int32_t *member_counts_days(const struct member_counts *counts, size_t *count)
{
	int32_t *days = malloc((counts->count + 1) * sizeof(*days));

	*count = 0;
	if (days == NULL)
		return NULL;
	for (size_t i = 0; i < counts->count; i++)
		days[i] = counts->rows[i].from;
	qsort(days, counts->count, sizeof(*days), compare_days);
	for (size_t i = 0; i < counts->count; i++)
		if (*count == 0 || days[*count - 1] != days[i])
			days[(*count)++] = days[i];
	return days;
}
