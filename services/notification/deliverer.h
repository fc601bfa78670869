/* The thread that takes what is due from the outbox and sends it through the campaigns' gateways, several at a time. A
 * hint wakes it; without one it looks every few seconds, so a lost hint costs time and nothing else. Any number of
 * instances.
 */
#ifndef SANGKIEN_NOTIFICATION_DELIVERER_H
#define SANGKIEN_NOTIFICATION_DELIVERER_H

#include "common/domain/reference.h"
#include "common/domain/sealed.h"
#include "services/notification/templates.h"

struct deliverer;

struct deliverer_options {
	struct service *service; /* conditions "postgresql" and "gateways" are kept */
	struct reference_source *references;
	const char *conninfo;
	const char *keys;                /* directory of the gateways' secrets */
	const char *sealing_secret_file; /* 32 bytes */
	const struct templates *templates;
	uint32_t transfers;           /* at once */
	uint32_t transfers_a_gateway; /* of them */
	uint32_t timeout_ms;          /* of one */
	uint32_t claim_ms;            /* how long a claim lasts; at least three times the timeout */
	uint32_t poll_ms;
	uint32_t attempts_max; /* then the dead letter */
	uint32_t retry_least_ms, retry_most_ms;
};

struct deliverer *deliverer_open(const struct deliverer_options *options) MUST_CHECK; /* NULL: said in the log */
void deliverer_close(struct deliverer **deliverer);                                   /* waits for what is under way */
void deliverer_wake(struct deliverer *deliverer);                                     /* any thread; never waits */
void deliverer_stop(struct deliverer *deliverer); /* begins nothing more, finishes what is under way */
bool deliverer_stopped(const struct deliverer *deliverer);

#endif
