/* Memory for large tables that are read all over: on huge pages where the system gives them, or half of a look-up is
 * finding the page. */
#ifndef SANGKIEN_DEDUPLICATION_PAGES_H
#define SANGKIEN_DEDUPLICATION_PAGES_H

#include "common/runtime/base.h"

/* Zeroed; begins where a huge page begins. NULL without memory. */
void *pages_new(size_t size) MUST_CHECK;
/* The size it was made with; NULL is nothing. */
void pages_free(void *pages, size_t size);

#endif
