/* A file of officers: `unit_code,address,language`. Pure. */
#ifndef SANGKIEN_CONTROL_OFFICER_FILE_H
#define SANGKIEN_CONTROL_OFFICER_FILE_H

#include "common/domain/notices.h"
#include "common/domain/unit_tree.h"
#include "common/runtime/buffer.h"

enum { OFFICER_KEY_SIZE = 32 };

struct officer {
	struct id128 id;           /* of campaign, unit and address, by a keyed hash: the same again is the same */
	struct id128 address_hash; /* of the address alone, by which one person is known at several units */
	uint32_t unit;
	uint32_t line; /* of the file */
	bool english;
	char address[NOTICE_ADDRESS_BYTES_MAX + 1]; /* of mail, or E.164 */
};
struct officers {
	struct officer *rows; /* ascending by id */
	size_t count;
};

/* `key` is that of persons. False: each fault is a line "FILE:LINE: what; how to mend" in `faults`, or on stderr where
 * the file is no CSV. An address is never repeated in one. */
bool officers_read(const char *file, struct bytes text, const struct unit_tree *tree, uint32_t campaign,
	const uint8_t key[OFFICER_KEY_SIZE], struct officers *officers, struct buffer *faults) MUST_CHECK;
void officers_free(struct officers *officers); /* wipes; tolerates zeroed memory */

#endif
