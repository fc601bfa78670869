/* How many initiatives and people each top unit has in a replay (R23): the whole campaign's figures of the source, Bắc
 * Giang and its rank exactly, Thanh Hóa 0.3 of all, the rest skewed. Pure. */
#ifndef SANGKIEN_CONTROL_SIMULATE_PLAN_H
#define SANGKIEN_CONTROL_SIMULATE_PLAN_H

#include "common/runtime/base.h"

/* 26/7/2023 (R23). */
enum {
	REPLAY_INITIATIVES = 1892577,
	REPLAY_PEOPLE = 350405,
	REPLAY_BAC_GIANG_INITIATIVES = 54746,
	REPLAY_BAC_GIANG_PEOPLE = 9115,
	REPLAY_BAC_GIANG_RANK = 8,
};

struct simulate_share {
	const char *unit; /* code of a top unit, as given */
	uint32_t initiatives, people;
};

/* Fills the shares of `count` top units (codes already in `shares`), scaled; `first` is the index of Thanh Hóa,
 * `eighth` that of Bắc Giang. At scale 1 the sums are REPLAY_… exactly. Every unit with initiatives has at least one
 * person. */
void simulate_plan(struct simulate_share *shares, size_t count, size_t first, size_t eighth, double scale);

#endif
