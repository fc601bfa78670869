/* `deduplication --explain A B`: what two texts share, for people or as JSON. A and B are tracking codes of submissions
 * in PostgreSQL (SANGKIEN_PG), weighed by the newest snapshot; with --input ids of a file, weighed by that file. */
#ifndef SANGKIEN_DEDUPLICATION_EXPLAIN_RUN_H
#define SANGKIEN_DEDUPLICATION_EXPLAIN_RUN_H

#include "common/runtime/buffer.h"
#include "services/deduplication/explain.h"

bool explain_is_asked_for(int argc, char **argv);
/* Exit code: 0, 64 usage, 65 not UTF-8 or no such line, 66 no such file or submission, 69 PostgreSQL away, 71 memory.
 */
int explain_run(int argc, char **argv);

/* The inside of an object: "score", "exact" and "passages", whose words are those of `text`. */
void explanation_json(const struct explanation *explanation, struct bytes text, struct buffer *out);

#endif
