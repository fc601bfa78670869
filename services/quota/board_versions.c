#include "services/quota/board_versions.h"

enum { NOT_SEEN = -1 };

/* NULL: more campaigns than are watched. */
static struct board_course *course_of(struct board_versions *versions, uint32_t campaign, int64_t now_ms)
{
	for (size_t i = 0; i < versions->count; i++)
		if (versions->courses[i].campaign == campaign)
			return &versions->courses[i];
	if (versions->count == BOARD_CAMPAIGNS_MAX)
		return NULL;
	versions->courses[versions->count] =
		(struct board_course){.campaign = campaign, .applied = NOT_SEEN, .current_ms = now_ms};
	return &versions->courses[versions->count++];
}

/* The wait begins anew with every move, and after every rebuild for a gap. */
static bool stands_still(
	struct board_course *course, const struct board_state *state, const struct board_newest *newest, int64_t now_ms)
{
	if (!state->exists || state->applied >= newest->version || state->applied != course->applied) {
		course->applied = state->exists ? state->applied : NOT_SEEN;
		course->since_ms = now_ms;
	}
	if (now_ms - course->since_ms <= BOARD_GAP_MS)
		return false;
	course->applied = NOT_SEEN;
	return true;
}

enum board_care board_versions_look(struct board_versions *versions, uint32_t campaign, const struct board_state *state,
	const struct board_newest *newest, int64_t now_ms)
{
	struct board_course *course = course_of(versions, campaign, now_ms);
	bool still = course != NULL && stands_still(course, state, newest, now_ms);

	if (course != NULL && state->exists && state->applied == newest->version)
		course->current_ms = now_ms;
	if (!state->exists)
		return BOARD_MAKE;
	if (state->applied > newest->version)
		return BOARD_REPLACE;
	if (still)
		return BOARD_CLOSE_GAP;
	if (state->tree < newest->tree)
		return BOARD_REPLANT;
	return state->building ? BOARD_TIDY : BOARD_LEAVE;
}

int64_t board_versions_age_ms(const struct board_versions *versions, int64_t now_ms)
{
	int64_t oldest_ms = 0;

	for (size_t i = 0; i < versions->count; i++)
		if (now_ms - versions->courses[i].current_ms > oldest_ms)
			oldest_ms = now_ms - versions->courses[i].current_ms;
	return oldest_ms;
}
