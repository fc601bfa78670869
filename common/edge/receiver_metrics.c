#include "common/edge/receiver_metrics.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* KIND_SUBMISSION_RECEIVED is "from_submission_received". */
static void name_edge(Sangkien__Wire__Kind kind, char *edge, size_t edge_size)
{
	const ProtobufCEnumValue *value =
		protobuf_c_enum_descriptor_get_value(&sangkien__wire__kind__descriptor, (int)kind);
	const char *name;

	assert(value);
	name = value->name;
	snprintf(edge, edge_size, "from_%s", strncmp(name, "KIND_", 5) == 0 ? name + 5 : name);
	for (char *at = edge; *at != '\0'; at++)
		*at = (char)tolower((unsigned char)*at);
}

void receiver_metrics_init(struct receiver_metrics *metrics, struct service *service, Sangkien__Wire__Kind kind,
	char *edge, size_t edge_size)
{
	const struct {
		struct metric **metric;
		bool is_gauge;
		const char *name, *help;
	} table[] = {
		{&metrics->received, false, "received_items_total", "items received, hints too"},
		{&metrics->lost_acknowledgements, false, "lost_acknowledgements_total",
			"acknowledgements whose upstream was away"},
		{&metrics->malformed, false, "malformed_frames_total", "frames dropped"},
		{&metrics->upstreams, true, "upstreams", "upstream instances connected"},
		{&metrics->held, true, "held_batches", "batches received and not yet finished"},
	};
	char name[128], label[96];

	name_edge(kind, edge, edge_size);
	snprintf(label, sizeof(label), "edge=\"%s\"", edge);
	for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
		snprintf(name, sizeof(name), "sangkien_%s_edge_%s", service_name(service), table[i].name);
		*table[i].metric = (table[i].is_gauge ? metrics_gauge : metrics_counter)(
			service_metrics(service), name, label, table[i].help);
	}
}
