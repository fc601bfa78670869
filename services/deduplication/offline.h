/* The offline mode: `deduplication --offline INPUT.jsonl` finds the duplicates of a file by the very modules, and in
 * the very two steps (sign, ask, verify, reach a verdict), that the service runs; only the texts come from memory. */
#ifndef SANGKIEN_DEDUPLICATION_OFFLINE_H
#define SANGKIEN_DEDUPLICATION_OFFLINE_H

#include "common/runtime/base.h"

/* Is `--offline` among the arguments? */
bool offline_is_asked_for(int argc, char **argv);
/* Exit code: 0, 64 usage, 65 the input is not what it should be, 66 no such file, 71 no memory, 74 cannot write. */
int offline_run(int argc, char **argv);

#endif
