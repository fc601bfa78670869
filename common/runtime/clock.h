/* Time: instants are microseconds since 1970-01-01T00:00Z, days are days since then. */
#ifndef SANGKIEN_RUNTIME_CLOCK_H
#define SANGKIEN_RUNTIME_CLOCK_H

#include "common/runtime/base.h"

enum { CLOCK_TEXT_SIZE = 40 }; /* room for "2021-04-21T00:00:00.000000+07:00" and NUL */

int64_t clock_now_us(void);       /* the wall's */
int64_t clock_monotonic_ms(void); /* for leases and timeouts, never steps back */

/* Strictly increasing wall time within the process (law 6), as long as that is not put back by more than a second; safe
 * from any thread. */
int64_t clock_receipt_us(void);

/* RFC 3339 with offset ("Z" or "+07:00"); false when it is not. Fractions beyond microseconds are cut. */
bool clock_parse_instant(const char *text, int64_t *instant_us) MUST_CHECK;
/* "2021-04-21"; false when there is no such day. */
bool clock_parse_day(const char *text, int32_t *day) MUST_CHECK;

/* With Vietnam's offset, "+07:00"; microseconds only where they are not zero. `text` has CLOCK_TEXT_SIZE bytes. */
void clock_format_instant(int64_t instant_us, char *text);
void clock_format_day(int32_t day, char *text);

/* Asia/Ho_Chi_Minh has been UTC+7 without change since 1975. */
int32_t clock_vietnam_day(int64_t instant_us); /* the day it is there */
int64_t clock_vietnam_midnight(int32_t day);   /* the instant that day begins there */

#endif
