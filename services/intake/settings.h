/* Settings of intake. */
#ifndef SANGKIEN_INTAKE_SETTINGS_H
#define SANGKIEN_INTAKE_SETTINGS_H

#include "common/runtime/service.h"

struct intake_settings {
	struct service_settings service;
	char *pg, *keys, *redis, *redis_user;
	char *listen, *edge, *reviews, *questions, *decisions;
	uint32_t window, writers, queue, lease_ms, body_ms, greeting_ms;
};

enum { INTAKE_FIELDS = 22 };
extern const struct config_field INTAKE_FIELD[INTAKE_FIELDS];

#endif
