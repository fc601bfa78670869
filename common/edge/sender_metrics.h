/* What a sender counts and shows: sangkien_<service>_edge_…{edge="<domain>"}. */
#ifndef SANGKIEN_EDGE_SENDER_METRICS_H
#define SANGKIEN_EDGE_SENDER_METRICS_H

#include "common/runtime/service.h"

struct sender_metrics {
	struct metric *batches, *handed_out, *handed_out_again, *acknowledged, *returned, *late, *poison, *malformed;
	struct metric *waiting, *leased, *depth, *oldest_ms, *workers;
};

void sender_metrics_init(struct sender_metrics *metrics, struct service *service, const char *edge);

#endif
