/* A telephone number in its one spelling. Pure. */
#ifndef SANGKIEN_DOMAIN_PHONE_H
#define SANGKIEN_DOMAIN_PHONE_H

#include "common/runtime/base.h"

enum { PHONE_SIZE = 16 /* E.164 with NUL */ };

/* A Vietnamese mobile (03, 05, 07, 08, 09 and 8 digits) or landline (02 and 9 digits) as E.164. Spaces, dots and
 * hyphens are let go; 0…, 84… and +84… are taken. False: it is none. */
bool phone_normalize(struct bytes text, char phone[PHONE_SIZE]) MUST_CHECK;

#endif
