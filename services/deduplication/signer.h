/* Signing: from a text to what the index is asked about. Pure; one signer a thread, the table is shared. */
#ifndef SANGKIEN_DEDUPLICATION_SIGNER_H
#define SANGKIEN_DEDUPLICATION_SIGNER_H

#include "services/deduplication/fold.h"
#include "services/deduplication/sketch.h"

struct signer;

/* Borrowed from the signer until its next text. */
struct signed_text {
	struct bytes folded;
	const uint32_t *hashes; /* of the shingles, `count` of them */
	uint32_t count;
	struct id128 digest;
	struct sketch sketch;
	enum legacy_encoding legacy; /* it was typed in */
};

struct signer *signer_new(const struct fold_table *table) MUST_CHECK; /* NULL without memory */
void signer_free(struct signer **signer);

enum signer_fault { SIGNER_OK, SIGNER_NOT_UTF8, SIGNER_NO_MEMORY };
enum signer_fault signer_sign(struct signer *signer, const struct weights *weights, struct bytes text,
	struct signed_text *signature) MUST_CHECK;
/* The set of shingles alone, on the heap, of a text that was folded before; NULL without memory. */
struct shingle_set *signer_shingles(struct signer *signer, struct bytes folded) MUST_CHECK;
/* The same of a text as it is stored; NULL without memory or where it is not UTF-8. */
struct shingle_set *signer_shingles_of(struct signer *signer, struct bytes text) MUST_CHECK;

#endif
