/* For tests that spoil a good rule pack in one place and look for the fault that names it. */
#ifndef SANGKIEN_TESTS_RULE_PACK_TEXT_H
#define SANGKIEN_TESTS_RULE_PACK_TEXT_H

#include "common/domain/campaign.h"
#include "common/runtime/buffer.h"

#include <string.h>

typedef struct campaign *parse_text(const char *text, struct buffer *faults);

/* The good text must be read without a fault; campaign_free() what comes back. */
static inline struct campaign *expect_good(parse_text *parse, const char *good)
{
	CLEANUP(buffer_deinit) struct buffer faults = {0};
	struct campaign *campaign = parse(good, &faults);

	if (campaign == NULL)
		print_error("%.*s", (int)faults.size, (const char *)faults.data);
	assert_non_null(campaign);
	assert_int_equal(faults.size, 0);
	return campaign;
}

/* The good text with the first `old` replaced must have a fault that has `wanted` in it. */
static inline void expect_fault_of(
	parse_text *parse, const char *good, const char *old, const char *new, const char *wanted)
{
	CLEANUP(buffer_deinit) struct buffer yaml = {0};
	CLEANUP(buffer_deinit) struct buffer faults = {0};
	const char *at = strstr(good, old);

	assert_non_null(at);
	buffer_add(&yaml, good, (size_t)(at - good));
	buffer_text(&yaml, new);
	buffer_text(&yaml, at + strlen(old));
	buffer_add(&yaml, "", 1);
	assert_null(parse((const char *)yaml.data, &faults));
	buffer_add(&faults, "", 1);
	if (strstr((const char *)faults.data, wanted) == NULL)
		fail_msg("wanted \"%s\", got \"%s\"", wanted, (const char *)faults.data);
}

#endif
