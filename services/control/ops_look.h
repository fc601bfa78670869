/* What the operators' page is drawn from. */
#ifndef SANGKIEN_CONTROL_OPS_LOOK_H
#define SANGKIEN_CONTROL_OPS_LOOK_H

#include "common/runtime/buffer.h"
#include "services/control/rundir.h"

/* One look at every instance, as JSON:
 * {"at","instances":[{"instance","service","metrics"}],"servers":[{"server","up"}]}
 * `metrics` is what the instance's /metrics says, word by word, and null where it did not answer. */
void ops_look(const struct rundir *run, struct buffer *json);

#endif
