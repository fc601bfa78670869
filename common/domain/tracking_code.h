/* A submission's 128-bit id and its human encoding: the id is the tracking code, so the largest table needs one index.
 */
#ifndef SANGKIEN_DOMAIN_TRACKING_CODE_H
#define SANGKIEN_DOMAIN_TRACKING_CODE_H

#include "common/runtime/base.h"

enum { TRACKING_CODE_SIZE = 40 }; /* with hyphens and NUL */

/* 40 bits of milliseconds since 2020-01-01T00:00Z of `now_us`, for locality and the sweeper, and 88 bits of `chance`.
 */
struct id128 submission_id_make(int64_t now_us, struct id128 chance);
int64_t submission_id_time_us(const struct id128 *id); /* to the millisecond */
struct id128 submission_id_floor(int64_t instant_us);  /* the least id of that millisecond */

/* Crockford base 32, 26 characters and a check character over GF(32) that finds any single wrong character and
 * any swap of two; written in groups of five with hyphens for reading aloud. */
void tracking_code_format(const struct id128 *id, char text[TRACKING_CODE_SIZE]);
/* Takes any case, spaces and hyphens, O for 0, I and L for 1. False: a typing error. */
bool tracking_code_parse(const char *text, struct id128 *id) MUST_CHECK;

#endif
