/* A key in a file of its own. */
#ifndef SANGKIEN_RUNTIME_KEY_FILE_H
#define SANGKIEN_RUNTIME_KEY_FILE_H

#include "common/runtime/base.h"

/* `directory`/`name` holds exactly `size` raw bytes. False: it does not. */
bool key_file_load(const char *directory, const char *name, uint8_t *key, size_t size) MUST_CHECK;

#endif
