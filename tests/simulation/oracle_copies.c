/* Law 3: of copies one stands. */
#include "tests/simulation/oracle_inside.h"

static const uint32_t top_of[UNITS] = {0, 0, 2, 3, 2, 2, 3, 3};

static bool stands(const struct seen *seen)
{
	int64_t status = seen->latest ? cell_value(seen->latest[D_STATUS]) : 0;

	return status == UNDER_REVIEW || status == COUNTED;
}

/* Where a reviewer has spoken on anything of a base, people may have let copies stand. */
static bool is_left_to_machines(uint32_t base)
{
	for (size_t i = 0; i < oracle_seen_count; i++)
		if (oracle_seen[i].meant->base == base && oracle_seen[i].by_person)
			return false;
	return true;
}

/* A copy that was received earlier takes over what the later one is, and one text may stand in the index for others
 * that resemble it; either may be of another province, where near copies are not looked for. So near copies are held to
 * the law where all that resemble each other are of one province. */
static bool is_of_one_top(uint32_t base)
{
	uint32_t top = 0;

	for (size_t i = 0; i < oracle_seen_count; i++) {
		if (oracle_seen[i].meant->base != base)
			continue;
		if (top != 0 && top_of[oracle_seen[i].meant->unit] != top)
			return false;
		top = top_of[oracle_seen[i].meant->unit];
	}
	return true;
}

static bool is_near(const struct seen *a, const struct seen *b)
{
	return a->meant->base == b->meant->base && is_of_one_top(a->meant->base);
}

static void check_pair(const struct seen *a, const struct seen *b)
{
	if (a->meant->text == b->meant->text)
		world_fail("law 3: two copies of text %u stand: %s and another", a->meant->text,
			oracle_name_of(a->submission[S_ID]));
	if (is_near(a, b))
		world_fail("law 3: near copies of text %u stand: %s and another", a->meant->base,
			oracle_name_of(a->submission[S_ID]));
}

void oracle_check_copies(void)
{
	for (size_t i = 0; i < oracle_seen_count; i++)
		for (size_t k = i + 1; k < oracle_seen_count; k++)
			if (oracle_seen[i].meant->base == oracle_seen[k].meant->base && stands(&oracle_seen[i]) &&
				stands(&oracle_seen[k]) && is_left_to_machines(oracle_seen[i].meant->base))
				check_pair(&oracle_seen[i], &oracle_seen[k]);
}

/* Once all are decided: no copy stands behind one that was received later. */
void oracle_check_earliest(void)
{
	for (size_t i = 0; i < oracle_seen_count; i++)
		for (size_t k = 0; stands(&oracle_seen[i]) && k < oracle_seen_count; k++)
			if (oracle_seen[k].meant->text == oracle_seen[i].meant->text && oracle_seen[k].latest &&
				cell_value(oracle_seen[k].latest[D_STATUS]) == DUPLICATE &&
				cell_equal(oracle_seen[k].latest[D_DUPLICATE_OF], oracle_seen[i].submission[S_ID]) &&
				cell_compare(oracle_seen[k].submission[S_RECEIVED_AT],
					oracle_seen[i].submission[S_RECEIVED_AT]) < 0 &&
				is_left_to_machines(oracle_seen[i].meant->base))
				world_fail("law 3: %s stands, but a copy of it was received earlier",
					oracle_name_of(oracle_seen[i].submission[S_ID]));
}
