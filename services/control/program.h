/* Running other programs (initdb, s6-svc, …) and writing the files they read. Complaints go to stderr. */
#ifndef SANGKIEN_CONTROL_PROGRAM_H
#define SANGKIEN_CONTROL_PROGRAM_H

#include "common/runtime/base.h"
#include "common/runtime/buffer.h"

#include <sys/types.h>

/* Runs and waits; `argv` ends with NULL. Output goes to `log_path` (appended), or nowhere when NULL.
 * Gives the exit code, 127 when it could not be started. */
int program_run(const char *log_path, const char *const *argv) MUST_CHECK;
/* Runs and collects standard output. */
int program_read(const char *const *argv, struct buffer *output) MUST_CHECK;
/* Starts a program that outlives us, in a session of its own, output appended to `log_path`. */
bool program_detach(const char *log_path, const char *const *argv) MUST_CHECK;

bool file_read(const char *path, struct buffer *content) MUST_CHECK;
/* By a temporary file and rename, so that no reader sees half of it. */
bool file_write(const char *path, struct bytes content, mode_t mode) MUST_CHECK;
bool file_write_text(const char *path, const char *text, mode_t mode) MUST_CHECK;
/* Copies when size or content differ; says in *changed whether it did (may be NULL). */
bool file_copy(const char *from, const char *to, mode_t mode, bool *changed) MUST_CHECK;
bool directory_make(const char *path, mode_t mode) MUST_CHECK; /* there already is fine */
bool file_exists(const char *path);
/* Appends `text` with every "@NAME@" of the pairs {name, value, …, NULL} filled in. */
void text_fill(struct buffer *out, struct bytes text, const char *const *pairs);

#endif
