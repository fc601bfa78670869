#include "services/control/ops_look.h"

#include "common/runtime/clock.h"
#include "services/control/admin_port.h"
#include "services/control/instance_state.h"
#include "services/control/supervision.h"

enum { PAGE_BYTES_MAX = 1 << 20 };

static void add_instance(
	const struct instance_state *state, const struct admin_page *page, bool first, struct buffer *json)
{
	buffer_text(json, first ? "{\"instance\":" : ",{\"instance\":");
	buffer_json_text(json, state->name);
	buffer_text(json, ",\"service\":");
	buffer_json_text(json, state->kind->name);
	buffer_text(json, ",\"metrics\":");
	if (page->came)
		buffer_json_text(json, (const char *)page->body.data);
	else
		buffer_text(json, "null");
	buffer_text(json, "}");
}

static void add_servers(const struct rundir *run, struct buffer *json)
{
	for (size_t i = 0; i < SUPERVISED_SERVER_COUNT; i++)
		buffer_format(json, "%s{\"server\":\"%s\",\"up\":%s}", i > 0 ? "," : "", SUPERVISED_SERVERS[i],
			supervision_is_up(run, SUPERVISED_SERVERS[i]) ? "true" : "false");
}

void ops_look(const struct rundir *run, struct buffer *json)
{
	static struct instance_state states[INSTANCES_MAX];
	static struct admin_page pages[INSTANCES_MAX];
	char at[CLOCK_TEXT_SIZE];
	size_t count = instance_states_list(run, states);
	for (size_t i = 0; i < count; i++) {
		instance_state_find(run, &states[i]);
		pages[i] = (struct admin_page){.address = states[i].address, .body = {.limit = PAGE_BYTES_MAX}};
	}
	admin_ports_fetch("/metrics", pages, count);
	clock_format_instant(clock_now_us(), at);
	buffer_format(json, "{\"at\":\"%s\",\"instances\":[", at);
	for (size_t i = 0; i < count; i++) {
		add_instance(&states[i], &pages[i], i == 0, json);
		buffer_deinit(&pages[i].body);
	}
	buffer_text(json, "],\"servers\":[");
	add_servers(run, json);
	buffer_text(json, "]}\n");
}
