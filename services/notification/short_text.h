/* The form of a text that fits one SMS: 160 characters of GSM 03.38, which has no Vietnamese letters. Pure. */
#ifndef SANGKIEN_NOTIFICATION_SHORT_TEXT_H
#define SANGKIEN_NOTIFICATION_SHORT_TEXT_H

#include "common/runtime/buffer.h"

enum { SHORT_TEXT_SEPTETS = 160 };

/* Appends the text without its diacritics (đ is d), in one line; what has no like in ASCII becomes "?". What does not
 * fit is cut. `^ { } \ [ ] ~ |` count twice, as they do on the air. */
void short_text(struct bytes text, struct buffer *out);

#endif
