/* One mail to an SMTP server (libcurl), and what came of it. Blocks, so it belongs to a thread of its own; the
 * connection is kept from mail to mail. */
#ifndef SANGKIEN_NOTIFICATION_CHANNEL_SMTP_H
#define SANGKIEN_NOTIFICATION_CHANNEL_SMTP_H

#include "common/runtime/buffer.h"

#include <stdatomic.h>

enum { SMTP_ADDRESS_SIZE = 255, SMTP_WHY_SIZE = 96 };

enum channel_result {
	CHANNEL_SENT,
	CHANNEL_LATER, /* this mail not now: 4xx, or the connection was lost on the way; perhaps it has arrived */
	CHANNEL_NEVER, /* this mail never: 5xx to its recipient or its text */
	CHANNEL_AWAY,  /* no mail now: the server is away, refuses us or our sender, or we are to stop */
};

struct channel_smtp;

struct channel_smtp_options {
	const char *url;       /* "smtp://host:port" or "smtps://…" */
	const char *from;      /* an address */
	const char *recipient; /* an address; {phone} stands for the submitter's, as E.164 */
	const char *user;      /* "" = without login */
	const char *password_file;
	bool tls; /* nothing is sent in the clear */
	uint32_t timeout_ms;
	const atomic_bool *stopping; /* a mail whose text is not yet on the way is given up */
};

/* NULL with a word in `fault`: which setting is not usable. */
struct channel_smtp *channel_smtp_open(const struct channel_smtp_options *options, const char **fault) MUST_CHECK;
void channel_smtp_close(struct channel_smtp **channel);

/* The address for a phone number. False: it is not usable. */
bool channel_smtp_recipient(
	const struct channel_smtp *channel, struct bytes phone, char address[SMTP_ADDRESS_SIZE]) MUST_CHECK;

/* `why` says in a few words what went wrong; never the server's own words, which may repeat the recipient. */
enum channel_result channel_smtp_send(
	struct channel_smtp *channel, const char *recipient, struct bytes mail, char why[SMTP_WHY_SIZE]) MUST_CHECK;

#endif
