/* Text as people see it: NFC, characters (extended grapheme clusters, UAX #29), what is not text is refused. */
#ifndef SANGKIEN_DOMAIN_TEXT_H
#define SANGKIEN_DOMAIN_TEXT_H

#include "common/runtime/base.h"
#include "common/runtime/buffer.h"

enum text_fault { TEXT_OK, TEXT_NOT_UTF8, TEXT_CONTROL, TEXT_TOO_LARGE };

/* Appends the stored form: NFC; CRLF and CR become LF; Word's private-use bullets become "•", its soft line breaks
 * (VT) LF; no-break and other odd spaces kept but tabs become spaces; BOM and lone zero-width space dropped; ends
 * trimmed; other control characters, code points that are never characters, and more than 30 combining marks in a row
 * refused (TEXT_CONTROL). TEXT_TOO_LARGE: over the limit of `out`. At a fault nothing is appended. */
enum text_fault text_clean(struct bytes raw, struct buffer *out) MUST_CHECK;
/* Extended grapheme clusters of a clean text. An octet that is no UTF-8 counts as one. */
size_t text_characters(struct bytes text);
/* Lower case without diacritics (đ is d), for searching names. Appends. */
void text_fold_search(struct bytes text, struct buffer *out);

#endif
