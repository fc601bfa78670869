/* A notice as one mail. Pure. */
#ifndef SANGKIEN_NOTIFICATION_MAIL_H
#define SANGKIEN_NOTIFICATION_MAIL_H

#include "common/runtime/buffer.h"

struct mail {
	struct id128 id;            /* makes the Message-ID: a notice that is sent twice can be known as one */
	const char *from, *to;      /* addresses as notice_mail_address() knows them */
	struct bytes subject, text; /* UTF-8; lines end with LF */
	int64_t now_us;
};

/* Appends an RFC 5322 message with CRLF line ends; headers are ASCII, the body base64. `out` fails sticky. */
void mail_write(const struct mail *mail, struct buffer *out);

#endif
