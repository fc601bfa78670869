/* One shard of the index: which earlier texts share keys (or the digest) with this one. Asking inserts, so that the
 * order of asking is the order of this shard, and a text is answered with what came before it, however often it is
 * asked about. One that is posted later, because its signer insists, takes its place in the order then: nobody could
 * see it before, so it is answered with what came meanwhile, and of two that are posted exactly one names the other.
 * Owned by one thread. No I/O.
 *
 * At rest a text takes about 470 bytes: its entry (ids, digest, keys), 40 postings of 5 bytes at a load of 0.6-0.8,
 * and a place in the maps by id and by digest. */
#ifndef SANGKIEN_DEDUPLICATION_INDEX_H
#define SANGKIEN_DEDUPLICATION_INDEX_H

#include "services/deduplication/sketch.h"

enum {
	INDEX_CANDIDATES_MAX = 6,
	INDEX_LIST_MAX = 64,       /* texts under one key; later ones are found by their other keys */
	INDEX_TEXTS_MAX = 1 << 26, /* then INDEX_FULL: more shards are needed */
};

/* What keys in common say: the fewer texts have one, the more; one that nobody else has says 64. */
enum { INDEX_POINTS = 256, INDEX_POINTS_FLAT = 3, INDEX_POINTS_LEAST = 80 };
/* Is a candidate worth comparing exactly? Near copies share half of their keys. Those that share less than a quarter of
 * them must at least share rare ones: what every third text has, texts of one subject share by chance. */
static inline bool index_is_worth_comparing(uint32_t keys, uint32_t shared, uint32_t points)
{
	return shared >= sketch_shared_least(keys) && (4 * shared >= keys || points >= INDEX_POINTS_LEAST);
}

struct text_index;

struct index_question {
	struct id128 id;
	uint32_t campaign;
	uint32_t scope; /* bounds near copies */
	struct id128 digest;
	struct sketch sketch;
	bool insist;   /* post its keys even where an earlier text stands for it */
	bool peek;     /* a draft: index_peek() */
	bool overtake; /* insist, and whoever asks again sees it, also those that came before it */
};

struct index_candidate {
	struct id128 id;
	struct sketch sketch;
	uint32_t shared; /* keys of this shard */
	uint32_t points; /* what they say: rare keys more than those of a form */
	bool exact;      /* equal digest, in the same campaign (whatever the scope) */
};

/* Exact ones first, then by points, the earlier first among equals. */
struct index_answer {
	struct index_candidate candidates[INDEX_CANDIDATES_MAX];
	uint32_t count;
	bool newly_posted; /* by this question; what is posted is what is learnt from */
	bool overtook;     /* by this question: what others were answered before is not whole any more */
	bool posted;       /* its keys stand here; false: an earlier one much alike stands for it */
};

enum index_fault { INDEX_OK, INDEX_NO_MEMORY, INDEX_FULL };

/* NULL without memory. The map is copied. */
struct text_index *index_new(const struct shard_map *map, uint32_t shard) MUST_CHECK;
void index_free(struct text_index **index);

/* Not INDEX_OK: nothing was inserted, ask again later. */
enum index_fault index_ask(
	struct text_index *index, const struct index_question *question, struct index_answer *answer) MUST_CHECK;
/* The same without inserting: what a draft would be answered. */
void index_peek(const struct text_index *index, const struct index_question *question, struct index_answer *answer);
/* Rebuilding: what is stored stood in the index, so its keys are posted without asking. */
enum index_fault index_restore(struct text_index *index, const struct index_question *question) MUST_CHECK;

struct index_figures {
	uint64_t texts, posted, keys, bytes;
};
struct index_figures index_figures(const struct text_index *index);

#endif
