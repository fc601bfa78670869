/* The chain of the log of what persons decided: each row's hash covers the row and the hash before it, so that nobody
 * can change, insert or take out a row without every later hash telling. Pure. */
#ifndef SANGKIEN_DOMAIN_AUDIT_CHAIN_H
#define SANGKIEN_DOMAIN_AUDIT_CHAIN_H

#include "common/domain/status.h"

enum { AUDIT_HASH_SIZE = 32 };

/* One row of audit_log; texts are borrowed. */
struct audit_entry {
	int64_t number;
	int64_t at; /* microseconds since 1970 */
	struct id128 token, submission;
	uint32_t campaign, revision;
	enum submission_status from, to;
	struct bytes act, reason;
};

/* BLAKE2b-256 of the entry after `previous` (of the first entry: zeros). */
void audit_chain_hash(
	const uint8_t previous[AUDIT_HASH_SIZE], const struct audit_entry *entry, uint8_t hash[AUDIT_HASH_SIZE]);

#endif
