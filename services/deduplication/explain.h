/* What two texts have in common, as a reviewer would mark it: the passages that are the same word by word when both are
 * folded, where they stand in either, and which of them are boilerplate, that is, what many texts have. Pure. */
#ifndef SANGKIEN_DEDUPLICATION_EXPLAIN_H
#define SANGKIEN_DEDUPLICATION_EXPLAIN_H

#include "services/deduplication/signer.h"

enum {
	EXPLAIN_PASSAGES_MAX = 128,
	EXPLAIN_PASSAGE_LEAST = 12, /* octets of folded text: two or three words */
	EXPLAIN_TEXT_MAX = 64 * 1024,
};

/* From `from` up to and without `to`, in code points of the text as it is stored; likewise in the other. */
struct passage {
	uint32_t from, to, other_from, other_to;
	bool boilerplate;
};

/* In the order of the first text, none of them overlapping there. */
struct explanation {
	double score; /* as a verdict would weigh it today */
	bool exact;   /* the same text when folded */
	uint32_t count;
	struct passage passages[EXPLAIN_PASSAGES_MAX];
};

enum explain_fault { EXPLAIN_OK, EXPLAIN_NOT_TEXT /* not UTF-8, or over EXPLAIN_TEXT_MAX */, EXPLAIN_NO_MEMORY };
enum explain_fault explain_texts(const struct fold_table *table, const struct weights *weights, struct bytes text,
	struct bytes other, struct explanation *explanation) MUST_CHECK;

#endif
