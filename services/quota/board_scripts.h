/* What Redis does with boards, each script one moment for every reader (law 5). Keys of campaign 7:
 *   board:{c7}:meta            hash: generation, applied (all versions up to it are in), tree (version of the unit
 *                              tree whose parents its rows stand under), building while a rebuild runs
 *   board:{c7}:g<generation>:<parent>:<phase>   hash: unit → "version entered counted people awarded"
 *   board:{c7}:g<generation>:keys               set of the above, to delete them by
 *   board:{c7}:ahead           zset: versions in the generation beyond a gap
 *   board:{c7}:ahead:building  zset: versions that came while the next generation is being built
 *   board:{c7}:generations     set of all generations begun
 *   board:{c7}:rebuild         who rebuilds now, with a time to live */
#ifndef SANGKIEN_QUOTA_BOARD_SCRIPTS_H
#define SANGKIEN_QUOTA_BOARD_SCRIPTS_H

enum board_script {
	BOARD_APPLY,   /* a transaction's rows; gives `applied`, or -1: there is no board, rebuild it */
	BOARD_BEGIN,   /* a generation to be built; from now on every version goes into it too */
	BOARD_LOAD,    /* rows of the snapshot into it */
	BOARD_SWITCH,  /* it is the board from now on; -1: somebody else rebuilds; -2: the present one is newer */
	BOARD_DROP,    /* the board is of another history: there is none until it is rebuilt */
	BOARD_SWEEP,   /* gives up a rebuild whose holder died, deletes some keys that are in no use; 0: none left */
	BOARD_RELEASE, /* lets others rebuild */
	BOARD_MEND,    /* deletes what a stranger put in place of our keys, and a lock that would never end; how many */
	BOARD_SCRIPTS
};

const char *board_script_text(enum board_script script);

#endif
