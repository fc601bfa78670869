/* Group commit: threads that take all that waits, make it durable in one transaction, and give receipts (law 1). */
#ifndef SANGKIEN_INTAKE_RECEIPT_WRITER_H
#define SANGKIEN_INTAKE_RECEIPT_WRITER_H

#include "services/intake/arrival.h"
#include "services/intake/dispatch.h"
#include "services/intake/scribe.h"

enum {
	BATCH_BYTES_MAX = 4 << 20,
	QUEUE_BYTES_MAX = 64 << 20,
	WRITERS_MAX = 16,
};

struct receipt_writer_options {
	struct service *service;
	const char *conninfo;
	uint32_t writers;
	uint32_t queue; /* arrivals that may wait */
	const char *redis_address, *redis_user, *redis_password_file;
	struct mailbox *http_mailbox; /* answered arrivals go back there */
	struct dispatch *dispatch;
	struct waiters *waiters;
	struct intake_metrics *metrics;
};

struct receipt_writer;
struct receipt_writer *receipt_writer_open(const struct receipt_writer_options *options) MUST_CHECK;
/* Finishes what waits, ends the threads. */
void receipt_writer_close(struct receipt_writer **writer);

/* Takes the arrival over. False: too many wait, it is still the caller's. */
bool receipt_writer_push(struct receipt_writer *writer, struct arrival *arrival) MUST_CHECK;
bool receipt_writer_idle(const struct receipt_writer *writer); /* nothing waits and nothing is being written */

#endif
