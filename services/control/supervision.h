/* Servers and service instances under s6: one service directory each in <run>/services, linked into the scan
 * directory <run>/s6, so that one is added or taken away without touching the others. */
#ifndef SANGKIEN_CONTROL_SUPERVISION_H
#define SANGKIEN_CONTROL_SUPERVISION_H

#include "services/control/rundir.h"

/* What can be scaled, in the order of the pipeline. */
struct supervised_kind {
	const char *name;    /* instances are <name>-<n> */
	const char *program; /* in <run>/bin */
	uint32_t first;      /* number of the first instance: 1, or 0 for shards */
	bool scales_alone;   /* false: its number is a setting of others too (shards) */
};
extern const struct supervised_kind SUPERVISED_KINDS[];
extern const size_t SUPERVISED_KIND_COUNT;
const struct supervised_kind *supervision_kind(const char *name); /* NULL: there is none */

/* What the services stand on. */
extern const char *const SUPERVISED_SERVERS[];
extern const size_t SUPERVISED_SERVER_COUNT;

bool supervision_start(const struct rundir *run) MUST_CHECK; /* s6-svscan, when it does not run yet */
bool supervision_stop(const struct rundir *run) MUST_CHECK;  /* all of it, and waits for the end */
bool supervision_is_up(const struct rundir *run, const char *name);
bool supervision_signal(const struct rundir *run, const char *name, const char *s6_svc_option) MUST_CHECK;

/* Adds a server whose run script is `command` (shell words); `down_signal` is a signal's name or NULL. Idempotent. */
bool supervision_add_server(
	const struct rundir *run, const char *name, const char *command, const char *down_signal) MUST_CHECK;
/* Adds instance n of a kind with its environment from deploy/env; again with other settings: restarted. */
bool supervision_add_instance(
	const struct rundir *run, const struct supervised_kind *kind, uint32_t n, bool program_changed) MUST_CHECK;
bool supervision_remove_instance(const struct rundir *run, const struct supervised_kind *kind, uint32_t n) MUST_CHECK;
/* Stops instance n and waits for its end; it stays linked in, and adding it starts it again. */
bool supervision_halt_instance(const struct rundir *run, const struct supervised_kind *kind, uint32_t n) MUST_CHECK;
/* Instances that are linked in, without gap from the first. */
uint32_t supervision_count(const struct rundir *run, const char *kind);
/* Waits until every instance of every kind says that it is ready; names the late ones on stderr. */
bool supervision_await_ready(const struct rundir *run, int timeout_ms) MUST_CHECK;

#endif
