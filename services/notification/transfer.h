/* One notice on its way to a gateway: what libcurl is given, and what came of it. Its begin and end are a channel's; in
 * between it belongs to a CURLM. */
#ifndef SANGKIEN_NOTIFICATION_TRANSFER_H
#define SANGKIEN_NOTIFICATION_TRANSFER_H

#include "services/notification/notice.h"

#include <curl/curl.h>
#include <stdatomic.h>

enum { TRANSFER_WHY_SIZE = 128, TRANSFER_ANSWER_BYTES_MAX = 64 << 10, TRANSFER_BODY_BYTES_MAX = 256 << 10 };

enum channel_result {
	CHANNEL_SENT,
	CHANNEL_LATER, /* this notice not now: 4xx of SMTP, 429, 5xx, a time-out; perhaps it has arrived */
	CHANNEL_NEVER, /* this notice never: 5xx of SMTP, 4xx of HTTP, an answer that says so */
	CHANNEL_AWAY,  /* no notice now: the gateway is away or refuses us, our secret is not usable, or we are to stop
			*/
};

struct transfer_outcome {
	enum channel_result result;
	char why[TRANSFER_WHY_SIZE]; /* never a gateway's own words, which may repeat the recipient */
	uint32_t retry_after_ms;     /* it asks for that much; 0: it does not */
	bool is_for_all;             /* of every notice: nothing is sent to it before */
};

/* How far a mail has come: whom an answer of the server is about. */
enum smtp_stage { STAGE_CONNECTION, STAGE_SENDER, STAGE_RECIPIENT, STAGE_TEXT };

struct transfer {
	CURL *curl;
	const struct notice_channel *channel; /* borrowed until transfer_end() */
	struct curl_slist *lines;             /* headers, or the recipient of a mail */
	struct buffer url, body;
	/* smtp */
	enum smtp_stage stage;
	struct bytes rest; /* of the mail */
	const atomic_bool *stopping;
	/* http */
	struct buffer answer; /* its first TRANSFER_ANSWER_BYTES_MAX octets */
	bool is_cut;
};

struct transfer_options {
	const char *keys; /* directory of the secrets */
	uint32_t timeout_ms;
	const atomic_bool *stopping; /* a mail whose text is not yet on the way is given up */
};

bool transfer_init(struct transfer *transfer) MUST_CHECK; /* false: no memory */
void transfer_deinit(struct transfer *transfer);          /* not while it is under way */

/* Makes the request; nothing of the notice is needed after. False: it cannot be sent, `outcome` says why. */
bool transfer_begin(struct transfer *transfer, const struct notice_channel *channel, const struct notice *notice,
	const struct transfer_options *options, struct transfer_outcome *outcome) MUST_CHECK;
/* What came of it; wipes what was sent. */
void transfer_end(struct transfer *transfer, CURLcode code, struct transfer_outcome *outcome);

/* Of transfer_begin(), by kind. NULL, or why it cannot be sent; *is_ours: it is the gateway's or our fault, not the
 * notice's. `secret` is "" where the channel has none. */
const char *channel_smtp_prepare(
	struct transfer *transfer, const struct notice *notice, const char *secret, bool *is_ours) MUST_CHECK;
const char *channel_webhook_prepare(
	struct transfer *transfer, const struct notice *notice, const char *secret, bool *is_ours) MUST_CHECK;
const char *channel_http_prepare(
	struct transfer *transfer, const struct notice *notice, const char *secret, bool *is_ours) MUST_CHECK;
/* What HTTP and webhook share: address, body, headers and answer are set on the handle. */
bool channel_http_set(struct transfer *transfer, const char *method) MUST_CHECK;
bool transfer_add_line(struct transfer *transfer, struct buffer *line) MUST_CHECK; /* takes the text, clears it */

/* Of transfer_end(). */
void channel_smtp_judge(const struct transfer *transfer, CURLcode code, struct transfer_outcome *outcome);
void channel_http_judge(const struct transfer *transfer, CURLcode code, struct transfer_outcome *outcome);

/* The address for a notice's number. False: there is none. */
bool channel_smtp_recipient(
	const char *pattern, const char *address, char recipient[NOTICE_ADDRESS_BYTES_MAX + 1]) MUST_CHECK;

#endif
