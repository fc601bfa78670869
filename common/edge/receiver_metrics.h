/* What a receiver counts and shows: sangkien_<service>_edge_…{edge="from_<kind>"}. */
#ifndef SANGKIEN_EDGE_RECEIVER_METRICS_H
#define SANGKIEN_EDGE_RECEIVER_METRICS_H

#include "common/runtime/service.h"
#include "proto/envelope.pb-c.h"

struct receiver_metrics {
	struct metric *received, *lost_acknowledgements, *malformed, *upstreams, *held;
};

/* `edge` gets the label, "from_submission_received". */
void receiver_metrics_init(struct receiver_metrics *metrics, struct service *service, Sangkien__Wire__Kind kind,
	char *edge, size_t edge_size);

#endif
