#include "common/edge/sender_metrics.h"

#include <stdio.h>

void sender_metrics_init(struct sender_metrics *metrics, struct service *service, const char *edge)
{
	const struct {
		struct metric **metric;
		bool is_gauge;
		const char *name, *help;
	} table[] = {
		{&metrics->batches, false, "batches_total", "batches handed to workers"},
		{&metrics->handed_out, false, "handed_out_items_total", "items handed to workers"},
		{&metrics->handed_out_again, false, "handed_out_again_items_total", "of those, not for the first time"},
		{&metrics->acknowledged, false, "acknowledged_items_total", "items that workers finished"},
		{&metrics->returned, false, "returned_items_total", "items that workers asked for again"},
		{&metrics->late, false, "late_acknowledgements_total", "acknowledgements after the lease, ignored"},
		{&metrics->poison, false, "poison_items_total", "items refused for good"},
		{&metrics->malformed, false, "malformed_frames_total", "frames dropped"},
		{&metrics->waiting, true, "waiting_items", "items that wait for a worker"},
		{&metrics->leased, true, "leased_items", "items with workers"},
		{&metrics->depth, true, "depth_items", "items that no worker has finished: waiting or with workers"},
		{&metrics->oldest_ms, true, "oldest_ms", "age of the oldest of these, since it came to this edge"},
		{&metrics->workers, true, "workers", "workers that take work"},
	};
	char name[128], label[128];

	snprintf(label, sizeof(label), "edge=\"%s\"", edge);
	for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
		snprintf(name, sizeof(name), "sangkien_%s_edge_%s", service_name(service), table[i].name);
		*table[i].metric = (table[i].is_gauge ? metrics_gauge : metrics_counter)(
			service_metrics(service), name, label, table[i].help);
	}
}
