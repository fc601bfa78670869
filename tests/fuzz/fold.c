/* Any octets through folding, legacy encodings, shingles, sketch and explanation: `make fuzz SECONDS=60` (libFuzzer).
 * What must hold: UTF-8 is taken and nothing else, what is folded stays as it is, no read or write goes astray. */
#include "services/deduplication/explain.h"

#include <stdlib.h>
#include <string.h>

static struct fold_table *table;
static struct signer *signer;
static struct weights *weights;
static struct explanation explanation;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds)
{
	if (!holds)
		abort();
}

/* Folded once more it is the same; a text of which nothing is left has no shingles. */
static void check_signature(const struct signed_text *signature)
{
	struct signed_text again;
	size_t size = signature->folded.size;
	uint8_t *folded = malloc(size + 1);
	struct id128 digest = signature->digest;
	expect(folded != NULL);
	memcpy(folded, signature->folded.data, size);
	expect((signature->count == 0) == (size == 0));
	expect(signer_sign(signer, weights, (struct bytes){folded, size}, &again) == SIGNER_OK);
	expect(again.folded.size == size && memcmp(again.folded.data, folded, size) == 0);
	expect(size == 0 || id128_equal(&again.digest, &digest));
	free(folded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct signed_text signature;
	size_t half = size / 2;
	if (table == NULL) {
		table = fold_table_new();
		signer = signer_new(table);
		weights = weights_new_empty();
	}
	if (signer_sign(signer, weights, (struct bytes){data, size}, &signature) == SIGNER_OK)
		check_signature(&signature);
	if (explain_texts(table, weights, (struct bytes){data, half}, (struct bytes){data + half, size - half},
		    &explanation) == EXPLAIN_OK)
		expect(explanation.score >= 0 && explanation.score <= 1);
	return 0;
}
