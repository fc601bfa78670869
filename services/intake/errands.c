#include "common/runtime/clock.h"
#include "services/intake/dispatch_inside.h"

#include <stdlib.h>

enum { LOOK_IDS_MAX = 4096 };

struct errand *errand_new(enum errand_kind kind)
{
	struct errand *errand = calloc(1, sizeof(*errand));
	if (errand != NULL)
		errand->kind = kind;
	return errand;
}

/* What cannot be asked at this moment is stale again after another lease. */
bool errand_send(struct dispatch *dispatch, struct errand *errand)
{
	if (errand != NULL && errand->count > 0 && mailbox_push(dispatch->errands, errand))
		return true;
	free(errand);
	return false;
}

static void look_after(struct dispatch *dispatch, const struct id128 *ids, const bool *lost, size_t count, bool send)
{
	struct errand *errand = NULL;
	for (size_t i = 0; i < count; i++) {
		if (lost[i] != send)
			continue;
		if (errand == NULL)
			errand = errand_new(send ? ERRAND_SEND : ERRAND_LOOK);
		if (errand == NULL)
			return;
		errand->ids[errand->count++] = ids[i];
		if (errand->count == ERRAND_IDS_MAX) {
			errand_send(dispatch, errand);
			errand = NULL;
		}
	}
	errand_send(dispatch, errand);
}

void errands_look(void *context)
{
	struct dispatch *dispatch = context;
	struct id128 *ids = calloc(LOOK_IDS_MAX, sizeof(*ids));
	bool *lost = calloc(LOOK_IDS_MAX, sizeof(*lost));
	if (ids != NULL && lost != NULL) {
		pthread_mutex_lock(&dispatch->lock);
		size_t count = window_stale(
			dispatch->window, clock_monotonic_ms(), dispatch->options.lease_ms, ids, lost, LOOK_IDS_MAX);
		pthread_mutex_unlock(&dispatch->lock);
		look_after(dispatch, ids, lost, count, false);
		look_after(dispatch, ids, lost, count, true);
	}
	free(ids);
	free(lost);
}

/* A decision that is none (an epoch has passed): soon again, and not at once, or two would chase each other. */
void errand_note_again(struct dispatch *dispatch, const struct id128 *id)
{
	if (dispatch->again == NULL)
		dispatch->again = errand_new(ERRAND_SEND);
	if (dispatch->again == NULL || dispatch->again->count == ERRAND_IDS_MAX)
		return; /* the next look finds it */
	dispatch->again->ids[dispatch->again->count++] = *id;
}

void errands_again(void *context)
{
	struct dispatch *dispatch = context;
	errand_send(dispatch, dispatch->again);
	dispatch->again = NULL;
}
