/* Folding: what two texts must have in common to be the same text. One pass over UTF-8: letters to lower case
 * without marks (Đ and Ð alike are d), compatibility forms and look-alikes of other scripts to the plain letter,
 * what has no width is dropped, all else is one space. Text of before Unicode is read as what it was. Idempotent. Pure.
 */
#ifndef SANGKIEN_DEDUPLICATION_FOLD_H
#define SANGKIEN_DEDUPLICATION_FOLD_H

#include "services/deduplication/legacy.h"

/* A code point of n bytes folds to at most 2n bytes. */
enum { FOLD_GROWTH = 2 };

struct fold_table; /* immutable: any number of threads share one */

/* Takes some tens of milliseconds. NULL without memory. */
struct fold_table *fold_table_new(void) MUST_CHECK;
void fold_table_free(struct fold_table **table);

/* Writes the folded text, without a space at either end, to `out`, which has room for FOLD_GROWTH * text.size
 * bytes. False: not UTF-8 (intake refuses such texts, so none should come here). */
bool fold_text(const struct fold_table *table, struct bytes text, uint8_t *out, size_t *out_size) MUST_CHECK;
/* The same, and says which encoding of before Unicode it found. */
bool fold_text_told(const struct fold_table *table, struct bytes text, uint8_t *out, size_t *out_size,
	enum legacy_encoding *legacy) MUST_CHECK;

/* The same, and for each octet of `out` the code point of `text` it came from, counted from 0; `points` has room for as
 * many as `out` has octets. */
bool fold_text_placed(
	const struct fold_table *table, struct bytes text, uint8_t *out, size_t *out_size, uint32_t *points) MUST_CHECK;

/* The digest that exact copies share: BLAKE2b-128 of the folded text. A text of which nothing is left (only emoji,
 * only punctuation) is told apart by its own bytes instead, or all such texts would be copies of the first. */
struct id128 fold_digest(struct bytes folded, struct bytes text);

#endif
