#include "services/deduplication/tenure.h"

#include "common/runtime/mutant.h"

/* The order is the protection. */
static const enum tenure_stage order[] = {
#if MUTANT_EPOCH_AFTER_REBUILD
	TENURE_RESUMING,
	TENURE_RELEARNING,
	TENURE_REBUILDING,
	TENURE_CLAIMING,
	TENURE_WHOLE,
#else
	TENURE_CLAIMING,
	TENURE_RESUMING,
	TENURE_RELEARNING,
	TENURE_REBUILDING,
	TENURE_WHOLE,
#endif
};

static bool is_passed_over(const struct tenure *tenure, enum tenure_stage stage)
{
	return stage == TENURE_RELEARNING && !tenure->learns;
}

static void advance(struct tenure *tenure)
{
	size_t at = 0;

	while (order[at] != tenure->stage)
		at++;
	do
		at++;
	while (is_passed_over(tenure, order[at]));
	tenure->stage = order[at];
}

void tenure_init(struct tenure *tenure, bool learns)
{
	*tenure = (struct tenure){.stage = order[0], .learns = learns};
}

enum tenure_action tenure_next(const struct tenure *tenure, int64_t now_ms)
{
	static const enum tenure_action steps[] = {
		[TENURE_CLAIMING] = TENURE_CLAIM,
		[TENURE_RESUMING] = TENURE_RESUME,
		[TENURE_RELEARNING] = TENURE_RELEARN,
		[TENURE_REBUILDING] = TENURE_REBUILD,
		[TENURE_WHOLE] = TENURE_REST,
		[TENURE_SUPERSEDED] = TENURE_LEAVE,
	};

	if (tenure->stage == TENURE_SUPERSEDED)
		return TENURE_LEAVE;
	if (tenure->epoch != 0 && now_ms >= tenure->checked_ms + TENURE_CHECK_EVERY_MS)
		return TENURE_CHECK;
	return now_ms >= tenure->next_step_ms ? steps[tenure->stage] : TENURE_REST;
}

void tenure_claimed(struct tenure *tenure, uint64_t epoch, int64_t now_ms)
{
	assert(tenure->stage == TENURE_CLAIMING && epoch > 0);
	tenure->epoch = epoch;
	tenure->checked_ms = now_ms;
	advance(tenure);
}

void tenure_read(struct tenure *tenure)
{
	assert(tenure->stage >= TENURE_RESUMING && tenure->stage <= TENURE_REBUILDING);
	advance(tenure);
}

void tenure_failed(struct tenure *tenure, enum tenure_action action, int64_t now_ms)
{
	if (action == TENURE_CHECK)
		tenure->checked_ms = now_ms;
	else
		tenure->next_step_ms = now_ms + TENURE_RETRY_MS;
}

bool tenure_told(struct tenure *tenure, uint64_t epoch, int64_t now_ms)
{
	tenure->checked_ms = now_ms;
	if (epoch != tenure->epoch)
		tenure_supersede(tenure);
	return tenure->stage != TENURE_SUPERSEDED;
}

void tenure_overtook(struct tenure *tenure)
{
	tenure->overtaken = true;
}

bool tenure_raised(struct tenure *tenure, uint64_t epoch)
{
	if (epoch == 0) {
		tenure_supersede(tenure);
		return false;
	}
	assert(tenure->stage == TENURE_WHOLE && epoch > tenure->epoch);
	tenure->epoch = epoch;
	tenure->overtaken = false;
	return true;
}

void tenure_supersede(struct tenure *tenure)
{
	tenure->stage = TENURE_SUPERSEDED;
}
