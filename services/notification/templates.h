/* The words of a notice, as one mail in Vietnamese and English. Pure. No personal data but its recipient. */
#ifndef SANGKIEN_NOTIFICATION_TEMPLATES_H
#define SANGKIEN_NOTIFICATION_TEMPLATES_H

#include "common/domain/campaign.h"

struct notice {
	struct id128 outbox_id; /* makes the Message-ID: a notice that is sent twice can be known as one */
	struct id128 submission;
	struct bilingual campaign;
	enum submission_status status;
	struct bytes reasons; /* "code field;code field", as decision.reasons has them */
	int64_t received_at, decided_at;
};

/* Appends an RFC 5322 message with CRLF line ends; headers are ASCII, the body base64. `out` fails sticky. `from` and
 * `to` are addresses as channel_smtp checked them. */
void template_mail(const struct notice *notice, const char *from, const char *to, int64_t now_us, struct buffer *out);

#endif
