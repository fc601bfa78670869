/* Why a submission was decided so, as one text for the table: "code field;code field". Pure. */
#ifndef SANGKIEN_QUOTA_REASONS_H
#define SANGKIEN_QUOTA_REASONS_H

#include "common/runtime/arena.h"
#include "proto/submission.pb-c.h"

enum { REASONS_MAX = 64, REASON_WORD_MAX = 64 };

#define REASON_DUPLICATE "duplicate description"
#define REASON_OWN_DUPLICATE "own_duplicate description"
#define REASON_ORIGINAL_REVOKED "original_revoked"

/* False: too many, or a word that is none (letters, digits and _ only), or the arena is full. */
bool reasons_to_text(
	Sangkien__Message__Reason *const *reasons, size_t count, struct arena *arena, struct bytes *text) MUST_CHECK;
/* Gives NULL where the arena is full. */
Sangkien__Message__Reason **reasons_from_text(struct bytes text, struct arena *arena, size_t *count) MUST_CHECK;

#endif
