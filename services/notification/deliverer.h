/* The thread that takes what is due from the outbox and sends it. A hint wakes it; without one it looks every few
 * seconds, so a lost hint costs time and nothing else. Any number of instances. */
#ifndef SANGKIEN_NOTIFICATION_DELIVERER_H
#define SANGKIEN_NOTIFICATION_DELIVERER_H

#include "common/domain/reference.h"
#include "common/domain/sealed.h"
#include "services/notification/channel_smtp.h"

struct deliverer;

struct deliverer_options {
	struct service *service; /* conditions "postgresql" and "smtp" are kept */
	struct reference_source *references;
	const char *conninfo;
	const char *sealing_secret_file;     /* 32 bytes */
	struct channel_smtp_options channel; /* `stopping` is filled in */
	uint32_t batch;                      /* rows claimed at once */
	uint32_t claim_ms;                   /* how long a claim lasts; at least three times the channel's timeout */
	uint32_t poll_ms;
	uint32_t attempts_max; /* then the dead letter */
	uint32_t retry_least_ms, retry_most_ms;
};

struct deliverer *deliverer_open(const struct deliverer_options *options) MUST_CHECK; /* NULL: said in the log */
void deliverer_close(struct deliverer **deliverer);                                   /* waits for the mail under way */
void deliverer_wake(struct deliverer *deliverer);                                     /* any thread; never waits */
void deliverer_stop(struct deliverer *deliverer); /* finishes the mail under way, hands the others back */
bool deliverer_stopped(const struct deliverer *deliverer);

#endif
