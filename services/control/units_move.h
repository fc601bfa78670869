/* `sangkien units import` of a file of moves (valid_from,code,merged_into,parent_code,name), all or nothing. */
#ifndef SANGKIEN_CONTROL_UNITS_MOVE_H
#define SANGKIEN_CONTROL_UNITS_MOVE_H

#include "common/runtime/base.h"
#include "services/control/rundir.h"

struct move_wish {
	const char *file, *campaign;
	struct bytes content;
	bool dry_run, quiet;
};

bool is_file_of_moves(struct bytes content); /* by its header */
int units_move(struct rundir *run, const struct move_wish *wish);

#endif
