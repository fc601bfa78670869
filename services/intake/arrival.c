#include "services/intake/arrival.h"

#include <stdlib.h>
#include <string.h>

enum { ARRIVAL_TEXTS = 12 };

/* Every text an arrival keeps; the personal ones stay behind with the request. */
static void list_texts(struct arrival *arrival, struct bytes *texts[ARRIVAL_TEXTS])
{
	struct submission_fields *fields = &arrival->submission.fields;
	struct bytes *all[ARRIVAL_TEXTS] = {&fields->unit, &fields->category, &fields->kind, &fields->title,
		&fields->description, &fields->recognized_by, &fields->benefit_social, &fields->evidence_url,
		&arrival->key, &arrival->sealed, &arrival->campaign_code, &arrival->receipt_channel};
	memcpy(texts, all, sizeof(all));
}

struct arrival *arrival_new(const struct arrival *from)
{
	struct arrival borrowed;
	struct bytes *texts[ARRIVAL_TEXTS];
	size_t size = 0, used = 0;
	memcpy(&borrowed, from, sizeof(borrowed));
	list_texts(&borrowed, texts);
	for (size_t i = 0; i < ARRIVAL_TEXTS; i++)
		size += texts[i]->size;
	struct arrival *arrival = malloc(sizeof(*arrival) + size);
	if (arrival == NULL)
		return NULL;
	memcpy(arrival, from, sizeof(*arrival));
	arrival->submission.fields.full_name = (struct bytes){0};
	arrival->submission.fields.phone = (struct bytes){0};
	arrival->submission.fields.national_id = (struct bytes){0};
	list_texts(arrival, texts);
	for (size_t i = 0; i < ARRIVAL_TEXTS; i++) {
		if (texts[i]->size > 0)
			memcpy(arrival->texts + used, texts[i]->data, texts[i]->size);
		texts[i]->data = arrival->texts + used;
		used += texts[i]->size;
	}
	arrival->bytes = sizeof(*arrival) + size + arrival->errors.capacity;
	return arrival;
}

void arrival_free(struct arrival **arrival)
{
	struct arrival *it = *arrival;
	*arrival = NULL;
	if (it == NULL)
		return;
	assert(it->place == PLACE_NONE);
	buffer_deinit(&it->errors);
	free(it->early);
	free(it->decision);
	free(it);
}

void arrival_refuse(struct arrival *arrival, enum problem problem)
{
	arrival->result = RESULT_PROBLEM;
	arrival->problem = problem;
}

void arrival_receipt(struct arrival *arrival, enum arrival_result result, const struct id128 *id, int64_t received_at)
{
	arrival->result = result;
	arrival->receipt_id = *id;
	arrival->receipt_at = received_at;
}
