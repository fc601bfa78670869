#include "services/intake/settings.h"

#define AT(member) offsetof(struct intake_settings, member)

const struct config_field INTAKE_FIELD[INTAKE_FIELDS] = {
	SERVICE_CONFIG_FIELDS(struct intake_settings, service),
	{"SANGKIEN_PG", CONFIG_TEXT, AT(pg), NULL, "PostgreSQL, as libpq's conninfo", 0, 0},
	{"SANGKIEN_KEYS", CONFIG_TEXT, AT(keys), NULL, "directory of the keys", 0, 0},
	{"SANGKIEN_REDIS", CONFIG_TEXT, AT(redis), NULL, "Redis, unix:/path or host:port, for the shared rate limit", 0,
		0},
	{"INTAKE_REDIS_USER", CONFIG_TEXT, AT(redis_user), "intake",
		"its account; the password is in redis-USER.password among the keys; \"\": none", 0, 0},
	{"INTAKE_LISTEN", CONFIG_TEXT, AT(listen), NULL, "address of the public writes, unix:/path or host:port", 0, 0},
	{"INTAKE_EDGE", CONFIG_TEXT, AT(edge), NULL, "endpoint that validation connects to", 0, 0},
	{"INTAKE_REVIEWS", CONFIG_TEXT, AT(reviews), NULL, "endpoint that quota connects to for reviews", 0, 0},
	{"INTAKE_QUESTIONS", CONFIG_TEXT, AT(questions), "",
		"endpoint that deduplication connects to for what people ask; \"\": it is not offered", 0, 0},
	{"INTAKE_DECISIONS", CONFIG_TEXT, AT(decisions), NULL, "endpoints of quota's decisions, a comma list", 0, 0},
	{"INTAKE_WINDOW", CONFIG_U32, AT(window), "20000", "submissions under way in the pipeline at most", 16,
		1000000},
	{"INTAKE_WRITERS", CONFIG_U32, AT(writers), "1", "threads that commit", 1, 16},
	{"INTAKE_QUEUE", CONFIG_U32, AT(queue), "8192", "submissions that may wait for a commit; beyond it 503", 1,
		65536},
	{"INTAKE_BODY_MS", CONFIG_U32, AT(body_ms), "30000", "a body that takes longer is refused with 408", 100,
		600000},
	{"INTAKE_LEASE_MS", CONFIG_U32, AT(lease_ms), "15000",
		"an undecided submission older than this is looked after", 1000, 3600000},
	{"INTAKE_GREETING_MS", CONFIG_U32, AT(greeting_ms), "10000",
		"how long after its start it waits for a quota to hear decisions from before it says it is ready", 0,
		600000},
};
