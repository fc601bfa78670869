/* Counters, gauges and histograms in Prometheus text form. Names: sangkien_<service>_<what>_<unit>[_total]. */
#ifndef SANGKIEN_RUNTIME_METRICS_H
#define SANGKIEN_RUNTIME_METRICS_H

#include "common/runtime/base.h"
#include "common/runtime/buffer.h"

struct metrics;
struct metric; /* lives as long as its metrics; updates are atomic, from any thread */

struct metrics *metrics_new(void) MUST_CHECK;
void metrics_free(struct metrics **metrics);

/* `labels` like "stage=\"quota\"" or NULL. Registering happens at start-up; never NULL (asserts on memory). */
struct metric *metrics_counter(struct metrics *metrics, const char *name, const char *labels, const char *help);
struct metric *metrics_gauge(struct metrics *metrics, const char *name, const char *labels, const char *help);
/* Bounds in seconds, doubling from 0.25 ms to 32 s. */
struct metric *metrics_histogram(struct metrics *metrics, const char *name, const char *labels, const char *help);

void metric_add(struct metric *metric, uint64_t n);
void metric_set(struct metric *metric, int64_t value);
void metric_observe_us(struct metric *metric, int64_t microseconds);
uint64_t metric_value(const struct metric *metric);

void metrics_render(const struct metrics *metrics, struct buffer *out);

#endif
