#include "services/deduplication/signer.h"

#include <stdlib.h>

struct signer {
	const struct fold_table *fold;
	struct shingle_table *shingles;
	uint8_t *folded;
	size_t folded_capacity;
	uint32_t hashes[SHINGLES_MAX + 1]; /* shingle_text() writes one ahead of its count */
	uint32_t places[SHINGLES_MAX + 1];
};

struct signer *signer_new(const struct fold_table *table)
{
	struct signer *signer = calloc(1, sizeof(*signer));
	if (signer == NULL)
		return NULL;
	signer->fold = table;
	signer->shingles = shingle_table_new();
	if (signer->shingles == NULL)
		signer_free(&signer);
	return signer;
}

void signer_free(struct signer **signer)
{
	if (*signer == NULL)
		return;
	shingle_table_free(&(*signer)->shingles);
	free((*signer)->folded);
	free(*signer);
	*signer = NULL;
}

static enum signer_fault fold(
	struct signer *signer, struct bytes text, struct bytes *folded, enum legacy_encoding *legacy)
{
	size_t need = FOLD_GROWTH * text.size + 1;
	if (need > signer->folded_capacity) {
		uint8_t *larger = realloc(signer->folded, need);
		if (larger == NULL)
			return SIGNER_NO_MEMORY;
		signer->folded = larger;
		signer->folded_capacity = need;
	}
	folded->data = signer->folded;
	return fold_text_told(signer->fold, text, signer->folded, &folded->size, legacy) ? SIGNER_OK : SIGNER_NOT_UTF8;
}

enum signer_fault signer_sign(
	struct signer *signer, const struct weights *weights, struct bytes text, struct signed_text *signature)
{
	enum signer_fault fault = fold(signer, text, &signature->folded, &signature->legacy);
	if (fault != SIGNER_OK)
		return fault;
	signature->digest = fold_digest(signature->folded, text);
	signature->hashes = signer->hashes;
	signature->count = shingle_text(signer->shingles, signature->folded, signer->hashes, signer->places);
	sketch_text(weights, signature->folded, signer->hashes, signer->places, signature->count, &signature->sketch);
	return SIGNER_OK;
}

struct shingle_set *signer_shingles(struct signer *signer, struct bytes folded)
{
	return shingle_set_new(signer->hashes, shingle_text(signer->shingles, folded, signer->hashes, NULL));
}

struct shingle_set *signer_shingles_of(struct signer *signer, struct bytes text)
{
	struct bytes folded;
	enum legacy_encoding legacy;
	return fold(signer, text, &folded, &legacy) == SIGNER_OK ? signer_shingles(signer, folded) : NULL;
}
