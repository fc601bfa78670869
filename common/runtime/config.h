/* A service's settings are one table, read from the environment. */
#ifndef SANGKIEN_RUNTIME_CONFIG_H
#define SANGKIEN_RUNTIME_CONFIG_H

#include "common/runtime/base.h"

#include <stdio.h>

enum { CONFIG_EXIT_BAD = 78 }; /* EX_CONFIG */

enum config_type {
	CONFIG_TEXT, /* char * */
	CONFIG_U32,  /* uint32_t, within [least, most] */
	CONFIG_BOOL, /* bool, "0"/"1"/"false"/"true" */
};

struct config_field {
	const char *name; /* of the environment variable */
	enum config_type type;
	size_t offset;        /* in the service's struct */
	const char *standard; /* default; NULL: must be given */
	const char *help;
	uint32_t least, most; /* CONFIG_U32 only; most 0 = no bound */
};

/* Fills `settings`; writes one clear line to `complaints` for each bad or missing value and gives false if there
 * was one (main exits with CONFIG_EXIT_BAD). Texts live as long as the environment. */
bool config_load(const struct config_field *fields, size_t count, void *settings, FILE *complaints) MUST_CHECK;

/* What `--print-config` shows, a line a setting: NAME, default ("(required)" where there is none), current value
 * and help, parted by tabs; the READMEs are checked against it. */
void config_print(const struct config_field *fields, size_t count, const void *settings, FILE *out);

#endif
