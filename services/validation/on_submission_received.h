/* SubmissionReceived from intake: judged by the rules that held at its receipt, and handed on to deduplication as
 * SubmissionValidated, the refused ones too. One thread. */
#ifndef SANGKIEN_VALIDATION_ON_SUBMISSION_RECEIVED_H
#define SANGKIEN_VALIDATION_ON_SUBMISSION_RECEIVED_H

#include "common/domain/reference.h"
#include "common/edge/receiver.h"
#include "common/edge/sender.h"

struct examination;

struct examination_options {
	struct reference_source *references;
	struct metrics *metrics;
	uint32_t window; /* most submissions handed on and not yet acknowledged: the sender's items_max */
	/* How long a submission waits for a campaign or unit that this instance has not loaded yet; then it goes back
	 * to intake to be handed out again, at most as often as intake does that. */
	uint32_t reference_wait_ms;
};

struct examination *examination_new(const struct examination_options *options) MUST_CHECK;
void examination_free(struct examination **examination);
/* Before the first batch. */
void examination_set_sender(struct examination *examination, struct sender *sender);

/* The receiver's on_batch. Acknowledged once all of it is handed on; where there is no room it is kept meanwhile. */
void on_submission_received(struct delivery *delivery, void *examination);
/* Goes on with what is kept: at the sender's on_room, and every now and then for what waits for its campaign. */
void examination_continue(void *examination);
size_t examination_kept(const struct examination *examination); /* deliveries */

/* Which submission a tag of the sender is; the tag is free again. */
struct id128 examination_release(struct examination *examination, uint64_t tag);

#endif
