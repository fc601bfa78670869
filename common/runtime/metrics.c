#include "common/runtime/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
	BUCKETS = 18, /* 0.25 ms · 2^17 = 32.768 s */
	BUCKET_LEAST_US = 250,
};

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric {
	struct metric *_Atomic next; /* published last: rendering takes no lock */
	enum metric_type type;
	char *name, *labels, *help;
	_Atomic uint64_t value; /* a gauge's is an int64_t; a histogram's the microseconds observed */
	_Atomic uint64_t buckets[BUCKETS + 1];
};

struct metrics {
	pthread_mutex_t registering;
	struct metric *_Atomic first;
};

struct metrics *metrics_new(void)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));
	if (metrics != NULL && pthread_mutex_init(&metrics->registering, NULL) != 0) {
		free(metrics);
		metrics = NULL;
	}
	return metrics;
}

void metrics_free(struct metrics **metrics)
{
	if (*metrics == NULL)
		return;
	for (struct metric *metric = (*metrics)->first, *next; metric != NULL; metric = next) {
		next = metric->next;
		free(metric->name);
		free(metric->labels);
		free(metric->help);
		free(metric);
	}
	pthread_mutex_destroy(&(*metrics)->registering);
	free(*metrics);
	*metrics = NULL;
}

static char *copy_text(const char *text)
{
	char *copy = strdup(text);
	assert(copy != NULL);
	return copy;
}

/* The same name and labels give the same metric: two parts that count the same thing add up. */
static struct metric *metrics_register(
	struct metrics *metrics, enum metric_type type, const char *name, const char *labels, const char *help)
{
	if (labels == NULL)
		labels = "";
	pthread_mutex_lock(&metrics->registering);
	struct metric *_Atomic *place = &metrics->first;
	struct metric *metric;
	while ((metric = *place) != NULL) {
		bool same_name = strcmp(metric->name, name) == 0;
		assert(!same_name || metric->type == type);
		if (same_name && strcmp(metric->labels, labels) == 0)
			break;
		place = &metric->next;
	}
	if (metric == NULL) {
		metric = calloc(1, sizeof(*metric));
		assert(metric != NULL);
		metric->type = type;
		metric->name = copy_text(name);
		metric->labels = copy_text(labels);
		metric->help = copy_text(help);
		*place = metric;
	}
	pthread_mutex_unlock(&metrics->registering);
	return metric;
}

struct metric *metrics_counter(struct metrics *metrics, const char *name, const char *labels, const char *help)
{
	return metrics_register(metrics, METRIC_COUNTER, name, labels, help);
}

struct metric *metrics_gauge(struct metrics *metrics, const char *name, const char *labels, const char *help)
{
	return metrics_register(metrics, METRIC_GAUGE, name, labels, help);
}

struct metric *metrics_histogram(struct metrics *metrics, const char *name, const char *labels, const char *help)
{
	return metrics_register(metrics, METRIC_HISTOGRAM, name, labels, help);
}

void metric_add(struct metric *metric, uint64_t n)
{
	assert(metric->type != METRIC_HISTOGRAM);
	atomic_fetch_add_explicit(&metric->value, n, memory_order_relaxed);
}

void metric_set(struct metric *metric, int64_t value)
{
	assert(metric->type == METRIC_GAUGE);
	atomic_store_explicit(&metric->value, (uint64_t)value, memory_order_relaxed);
}

void metric_observe_us(struct metric *metric, int64_t microseconds)
{
	assert(metric->type == METRIC_HISTOGRAM);
	uint64_t observed = microseconds > 0 ? (uint64_t)microseconds : 0; /* a clock that was set back */
	size_t bucket = 0;
	while (bucket < BUCKETS && observed > (uint64_t)BUCKET_LEAST_US << bucket)
		bucket++;
	atomic_fetch_add_explicit(&metric->buckets[bucket], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&metric->value, observed, memory_order_relaxed);
}

uint64_t metric_value(const struct metric *metric)
{
	return atomic_load_explicit(&metric->value, memory_order_relaxed);
}

static void render_labels(const struct metric *metric, const char *suffix, struct buffer *out)
{
	buffer_text(out, metric->name);
	buffer_text(out, suffix);
	if (metric->labels[0] != '\0')
		buffer_format(out, "{%s}", metric->labels);
}

static void render_histogram(const struct metric *metric, struct buffer *out)
{
	const char *comma = metric->labels[0] != '\0' ? "," : "";
	uint64_t count = 0;
	for (size_t bucket = 0; bucket <= BUCKETS; bucket++) {
		count += atomic_load_explicit(&metric->buckets[bucket], memory_order_relaxed);
		buffer_format(out, "%s_bucket{%s%sle=\"", metric->name, metric->labels, comma);
		if (bucket < BUCKETS)
			buffer_format(out, "%.9g", (double)((uint64_t)BUCKET_LEAST_US << bucket) / 1e6);
		else
			buffer_text(out, "+Inf");
		buffer_format(out, "\"} %" PRIu64 "\n", count);
	}
	uint64_t sum_us = metric_value(metric);
	render_labels(metric, "_sum", out);
	buffer_format(out, " %" PRIu64 ".%06" PRIu64 "\n", sum_us / 1000000, sum_us % 1000000);
	render_labels(metric, "_count", out);
	buffer_format(out, " %" PRIu64 "\n", count);
}

static void render_metric(const struct metric *metric, struct buffer *out)
{
	if (metric->type == METRIC_HISTOGRAM) {
		render_histogram(metric, out);
		return;
	}
	render_labels(metric, "", out);
	if (metric->type == METRIC_GAUGE)
		buffer_format(out, " %" PRId64 "\n", (int64_t)metric_value(metric));
	else
		buffer_format(out, " %" PRIu64 "\n", metric_value(metric));
}

static void render_head(const struct metric *metric, struct buffer *out)
{
	static const char *const names[] = {"counter", "gauge", "histogram"};
	buffer_format(out, "# HELP %s ", metric->name);
	for (const char *at = metric->help; *at != '\0'; at++) {
		if (*at == '\\' || *at == '\n')
			buffer_text(out, *at == '\n' ? "\\n" : "\\\\");
		else
			buffer_add(out, at, 1);
	}
	buffer_format(out, "\n# TYPE %s %s\n", metric->name, names[metric->type]);
}

static bool is_first_of_name(const struct metrics *metrics, const struct metric *metric)
{
	const struct metric *other = metrics->first;
	while (other != metric && strcmp(other->name, metric->name) != 0)
		other = other->next;
	return other == metric;
}

void metrics_render(const struct metrics *metrics, struct buffer *out)
{
	for (const struct metric *metric = metrics->first; metric != NULL; metric = metric->next) {
		/* The text form wants all lines of a name together, below one head. */
		if (!is_first_of_name(metrics, metric))
			continue;
		render_head(metric, out);
		for (const struct metric *same = metric; same != NULL; same = same->next)
			if (strcmp(same->name, metric->name) == 0)
				render_metric(same, out);
	}
}
