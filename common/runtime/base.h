/* The few words every file uses. Knows no domain noun. */
#ifndef SANGKIEN_RUNTIME_BASE_H
#define SANGKIEN_RUNTIME_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(string, first) __attribute__((format(printf, string, first)))
/* Runs `void function(T *)` on the variable when it leaves its scope. */
#define CLEANUP(function) __attribute__((cleanup(function)))
#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* A borrowed run of bytes; not NUL-terminated; `data` may be NULL only where `size` is 0. */
struct bytes {
	const uint8_t *data;
	size_t size;
};

enum { ID128_SIZE = 16 };
struct id128 {
	uint8_t octet[ID128_SIZE];
};

static inline bool id128_equal(const struct id128 *a, const struct id128 *b)
{
	return __builtin_memcmp(a, b, sizeof(*a)) == 0;
}

/* What a handler makes of a message. */
enum outcome {
	OUTCOME_DONE,   /* handed on or committed */
	OUTCOME_RETRY,  /* not now: hand it out again later */
	OUTCOME_REJECT, /* never: poison, to quarantine */
};

#endif
