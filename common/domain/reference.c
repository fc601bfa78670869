#include "common/domain/reference.h"

#include "common/domain/reference_snapshot.h"
#include "common/runtime/clock.h"
#include "common/runtime/log.h"
#include "common/runtime/pg.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	POLL_MS = 500, /* a change reaches every instance within two seconds, loading included */
	READY_DEADLINE_MS = 2000,
};

static const long NS_A_MS = 1000000, NS_A_SECOND = 1000000000;

struct reference_source {
	struct service *service;
	struct pg *pg;
	struct metric *version; /* of the newest */
	pthread_t thread;
	pthread_mutex_t mutex; /* of what follows */
	pthread_cond_t wake;
	bool closing;
	bool is_failing;         /* said once */
	struct snapshot *newest; /* one hold is the source's own */
};

static void publish(struct reference_source *source, struct snapshot *snapshot)
{
	pthread_mutex_lock(&source->mutex);
	struct snapshot *before = source->newest;
	source->newest = snapshot;
	pthread_mutex_unlock(&source->mutex);
	metric_set(source->version, (int64_t)snapshot->reference.version);
	log_info("reference_loaded", KV_U64("version", snapshot->reference.version),
		KV_U64("campaigns", snapshot->reference.campaign_count));
	snapshot_release(before);
	service_condition(source->service, "reference", true, "");
}

/* The source's thread alone writes `newest`, so it reads it without the mutex. */
static void poll_once(struct reference_source *source)
{
	uint64_t version;

	if (!pg_ready(source->pg, clock_monotonic_ms() + READY_DEADLINE_MS) ||
		!reference_version_read(source->pg, &version))
		return;
	if (source->newest != NULL && source->newest->reference.version == version)
		return;
	struct snapshot *snapshot = snapshot_load(source->pg, source->newest);
	if (snapshot != NULL)
		publish(source, snapshot);
	else if (!source->is_failing)
		log_warn("reference_not_loaded", KV_TEXT("why", pg_error(source->pg)));
	source->is_failing = snapshot == NULL;
}

/* False: closing. */
static bool wait_a_turn(struct reference_source *source)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += POLL_MS * NS_A_MS;
	if (until.tv_nsec >= NS_A_SECOND) {
		until.tv_nsec -= NS_A_SECOND;
		until.tv_sec++;
	}
	pthread_mutex_lock(&source->mutex);
	while (!source->closing && pthread_cond_timedwait(&source->wake, &source->mutex, &until) == 0)
		;
	bool closing = source->closing;
	pthread_mutex_unlock(&source->mutex);
	return !closing;
}

static void *run(void *context)
{
	struct reference_source *source = context;

	do
		poll_once(source);
	while (wait_a_turn(source));
	return NULL;
}

struct reference_source *reference_open(struct service *service, const char *conninfo)
{
	struct reference_source *source = calloc(1, sizeof(*source));
	pthread_condattr_t monotonic;

	if (source == NULL)
		return NULL;
	source->service = service;
	source->version = metrics_gauge(service_metrics(service), "sangkien_reference_version", NULL,
		"version of campaigns and units that this instance goes by");
	source->pg = pg_open(conninfo, "reference");
	pthread_mutex_init(&source->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&source->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	service_condition(service, "reference", false, "campaigns and units are not loaded yet");
	if (source->pg == NULL || pthread_create(&source->thread, NULL, run, source) != 0) {
		if (source->pg != NULL)
			pg_close(&source->pg);
		free(source);
		return NULL;
	}
	return source;
}

void reference_close(struct reference_source **source)
{
	struct reference_source *closing = *source;

	if (closing == NULL)
		return;
	pthread_mutex_lock(&closing->mutex);
	closing->closing = true;
	pthread_cond_signal(&closing->wake);
	pthread_mutex_unlock(&closing->mutex);
	pthread_join(closing->thread, NULL);
	pg_close(&closing->pg);
	snapshot_release(closing->newest);
	pthread_cond_destroy(&closing->wake);
	pthread_mutex_destroy(&closing->mutex);
	free(closing);
	*source = NULL;
}

const struct reference *reference_acquire(struct reference_source *source)
{
	pthread_mutex_lock(&source->mutex);
	struct snapshot *snapshot = source->newest;
	if (snapshot != NULL)
		atomic_fetch_add(&snapshot->holders, 1);
	pthread_mutex_unlock(&source->mutex);
	return snapshot == NULL ? NULL : &snapshot->reference;
}

void reference_release(struct reference_source *source, const struct reference **reference)
{
	(void)source;
	if (*reference != NULL)
		snapshot_release((struct snapshot *)(uintptr_t)*reference);
	*reference = NULL;
}

const struct reference_campaign *reference_by_code(const struct reference *reference, const char *code)
{
	for (size_t i = 0; i < reference->campaign_count; i++)
		if (strcmp(reference->campaigns[i].campaign->code, code) == 0)
			return &reference->campaigns[i];
	return NULL;
}

const struct reference_campaign *reference_by_id(const struct reference *reference, uint32_t id)
{
	for (size_t i = 0; i < reference->campaign_count; i++)
		if (reference->campaigns[i].id == id)
			return &reference->campaigns[i];
	return NULL;
}
