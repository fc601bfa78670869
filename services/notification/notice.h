/* One notice: what a row of the outbox says, in words, to whom. Holds personal data: wiped after each. */
#ifndef SANGKIEN_NOTIFICATION_NOTICE_H
#define SANGKIEN_NOTIFICATION_NOTICE_H

#include "common/domain/reference.h"
#include "common/domain/sealed.h"
#include "common/runtime/arena.h"
#include "services/notification/outbox.h"
#include "services/notification/templates.h"

struct notice {
	struct values values;               /* all words but {secret} */
	struct buffer subject, text, brief; /* as the campaign's language has them */
	char address[NOTICE_ADDRESS_BYTES_MAX +
		     1]; /* of a submitter the number, of an officer that or a mail address */
	struct id128 id;
	enum notice_event event;
	int64_t created_at;

	struct buffer plain; /* opened */
	struct arena *arena; /* of the other texts, none of them personal */
	void *facts;         /* yajl_val: figures that values point at */
	char id_text[2 * ID128_SIZE + 5], phone_local[NOTICE_ADDRESS_BYTES_MAX + 2];
};

bool notice_init(struct notice *notice) MUST_CHECK;
void notice_deinit(struct notice *notice);
void notice_forget(struct notice *notice); /* wipes it for the next */

/* Opens and words it. NULL, or a word why it can never be told; values may point into the row and the reference. */
const char *notice_compose(struct notice *notice, const uint8_t secret_key[SEALED_KEY_SIZE],
	const struct templates *templates, const struct reference_campaign *campaign,
	const struct outbox_row *row) MUST_CHECK;

/* "+84901234567": a plus sign and at most 15 digits. */
bool notice_phone_usable(const char *phone);

#endif
