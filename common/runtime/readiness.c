#include "common/runtime/readiness.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct condition {
	char name[READINESS_NAME_BYTES_MAX];
	char why[READINESS_WHY_BYTES_MAX];
	bool holds;
};

struct readiness {
	pthread_mutex_t lock;
	size_t count;
	struct condition conditions[READINESS_CONDITIONS_MAX];
};

struct readiness *readiness_new(void)
{
	struct readiness *readiness = calloc(1, sizeof(*readiness));
	if (readiness != NULL && pthread_mutex_init(&readiness->lock, NULL) != 0) {
		free(readiness);
		readiness = NULL;
	}
	return readiness;
}

void readiness_free(struct readiness **readiness)
{
	if (*readiness == NULL)
		return;
	pthread_mutex_destroy(&(*readiness)->lock);
	free(*readiness);
	*readiness = NULL;
}

static struct condition *find_or_add(struct readiness *readiness, const char *name, bool *is_new)
{
	assert(strlen(name) < READINESS_NAME_BYTES_MAX);
	for (size_t i = 0; i < readiness->count; i++)
		if (strcmp(readiness->conditions[i].name, name) == 0)
			return &readiness->conditions[i];
	assert(readiness->count < READINESS_CONDITIONS_MAX);
	struct condition *condition = &readiness->conditions[readiness->count++];
	snprintf(condition->name, sizeof(condition->name), "%s", name);
	*is_new = true;
	return condition;
}

bool readiness_set(struct readiness *readiness, const char *name, bool holds, const char *why)
{
	bool is_new = false;
	pthread_mutex_lock(&readiness->lock);
	struct condition *condition = find_or_add(readiness, name, &is_new);
	bool turned = !is_new && condition->holds != holds;
	condition->holds = holds;
	snprintf(condition->why, sizeof(condition->why), "%s", why != NULL && !holds ? why : "");
	pthread_mutex_unlock(&readiness->lock);
	return turned;
}

static bool all_hold(const struct readiness *readiness)
{
	for (size_t i = 0; i < readiness->count; i++)
		if (!readiness->conditions[i].holds)
			return false;
	return readiness->count > 0;
}

bool readiness_holds(struct readiness *readiness)
{
	pthread_mutex_lock(&readiness->lock);
	bool holds = all_hold(readiness);
	pthread_mutex_unlock(&readiness->lock);
	return holds;
}

bool readiness_render(struct readiness *readiness, struct buffer *out)
{
	pthread_mutex_lock(&readiness->lock);
	bool ready = all_hold(readiness);
	buffer_format(out, "{\"ready\":%s,\"conditions\":[", ready ? "true" : "false");
	for (size_t i = 0; i < readiness->count; i++) {
		const struct condition *condition = &readiness->conditions[i];
		buffer_text(out, i > 0 ? ",{\"name\":" : "{\"name\":");
		buffer_json_text(out, condition->name);
		buffer_format(out, ",\"holds\":%s,\"why\":", condition->holds ? "true" : "false");
		buffer_json_text(out, condition->why);
		buffer_text(out, "}");
	}
	pthread_mutex_unlock(&readiness->lock);
	buffer_text(out, "]}\n");
	return ready;
}
