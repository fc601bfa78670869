/* What PostgreSQL has on rivals: whether they are decided, whom to name in their place, and their texts. One query a
 * batch, read-only. */
#ifndef SANGKIEN_DEDUPLICATION_RECORDS_H
#define SANGKIEN_DEDUPLICATION_RECORDS_H

#include "common/runtime/pg.h"
#include "services/deduplication/shingle.h"

struct record {
	struct id128 id;
	uint32_t campaign;
	int64_t received_at;
	bool decided;
	bool original_counts;  /* counted or under review */
	struct id128 original; /* itself while undecided, the head of its chain, or a duplicate that stands in for it */
	uint32_t original_unit;
	struct id128 original_person;
	bool has_text;
	struct bytes text;            /* borrowed from the records; only where it was asked for */
	struct shingle_set *shingles; /* of the text, once somebody has made them; freed with the records */
};

struct records;

/* A request for distinct ids. */
struct records_wish {
	struct id128 id;
	bool text; /* the text as well */
};
/* PG_OK: `*records` is the caller's. */
enum pg_status records_fetch(struct pg *pg, const struct records_wish *wishes, size_t count, struct records **records,
	int64_t deadline_ms) MUST_CHECK;
void records_free(struct records **records);
struct record *records_find(struct records *records, const struct id128 *id); /* NULL: not stored */
size_t records_count(const struct records *records);
struct record *records_at(struct records *records, size_t index);

#endif
