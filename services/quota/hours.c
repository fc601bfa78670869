#include "services/quota/hours.h"

#include <string.h>

enum { ROWS_FIRST = 64 };

static const int64_t SECOND_US = 1000000, HOUR_S = 3600;

/* A batch is of few hours: each change looks for its row from the newest on. */
struct hours {
	struct arena *arena;
	struct hour_row *rows;
	size_t count, capacity;
};

struct hours *hours_new(struct arena *arena)
{
	struct hours *hours = arena_alloc(arena, sizeof(*hours));

	if (hours == NULL)
		return NULL;
	*hours = (struct hours){.arena = arena, .capacity = ROWS_FIRST};
	hours->rows = arena_alloc(arena, hours->capacity * sizeof(*hours->rows));
	return hours->rows == NULL ? NULL : hours;
}

static struct hour_row *row_of(struct hours *hours, uint32_t campaign, int64_t hour)
{
	for (size_t i = hours->count; i > 0; i--)
		if (hours->rows[i - 1].hour == hour && hours->rows[i - 1].campaign == campaign)
			return &hours->rows[i - 1];
	if (hours->count == hours->capacity) {
		struct hour_row *grown = arena_alloc(hours->arena, 2 * hours->capacity * sizeof(*grown));
		if (grown == NULL)
			return NULL;
		memcpy(grown, hours->rows, hours->count * sizeof(*grown));
		hours->rows = grown;
		hours->capacity *= 2;
	}
	struct hour_row *row = &hours->rows[hours->count++];
	*row = (struct hour_row){.campaign = campaign, .hour = hour};
	return row;
}

bool hours_change(struct hours *hours, uint32_t campaign, int64_t received_at, int64_t now, int by)
{
	int64_t received = received_at / SECOND_US;

	if (now / SECOND_US - received > HOURS_TAKEN * HOUR_S)
		return true;
	struct hour_row *row = row_of(hours, campaign, received - received % HOUR_S);
	if (row == NULL)
		return false;
	row->counted += by;
	return true;
}

const struct hour_row *hours_rows(const struct hours *hours, size_t *count)
{
	*count = hours->count;
	return hours->rows;
}
