/* The operators' commands, one file each: services/control/<command>.c. */
#ifndef SANGKIEN_CONTROL_COMMAND_H
#define SANGKIEN_CONTROL_COMMAND_H

#include "common/runtime/base.h"
#include "services/control/rundir.h"

/* Exit codes of every command (sysexits.h). */
enum {
	EXIT_OK = 0,
	EXIT_DRIFT = 1,      /* what was asked for is not so (audit), or it failed half-way and said where */
	EXIT_USAGE_BAD = 64, /* wrong words on the command line */
	EXIT_DATA_BAD = 65,  /* a file's contents are refused; nothing was applied */
	EXIT_FILE_MISSING = 66,
	EXIT_AWAY = 69,       /* a server is not there */
	EXIT_CONFIG_BAD = 78, /* a setting or the machine does not allow it */
};

struct command {
	const char *name;  /* "token create": one or two words */
	const char *usage; /* what follows the name */
	const char *help;  /* what it does, one line first; exit codes where they are special */
	/* argv[0] is the first word after the name. Reads its FILE arguments first, then calls rundir_enter(). */
	int (*run)(struct rundir *run, int argc, char **argv);
};

/* Each command of the table in main.c. */
int command_up(struct rundir *run, int argc, char **argv);
int command_down(struct rundir *run, int argc, char **argv);
int command_status(struct rundir *run, int argc, char **argv);
int command_ops(struct rundir *run, int argc, char **argv);
int command_scale(struct rundir *run, int argc, char **argv);
int command_restart(struct rundir *run, int argc, char **argv);
int command_migrate(struct rundir *run, int argc, char **argv);
bool migrate_is_needed(struct rundir *run, bool *needed) MUST_CHECK; /* false: said on stderr */
int command_campaign_apply(struct rundir *run, int argc, char **argv);
int command_campaign_list(struct rundir *run, int argc, char **argv);
int command_units_import(struct rundir *run, int argc, char **argv);
int command_quotas_apply(struct rundir *run, int argc, char **argv);
int command_officers_import(struct rundir *run, int argc, char **argv);
int command_board(struct rundir *run, int argc, char **argv);
int command_progress(struct rundir *run, int argc, char **argv);
int command_token_create(struct rundir *run, int argc, char **argv);
int command_token_list(struct rundir *run, int argc, char **argv);
int command_token_revoke(struct rundir *run, int argc, char **argv);
int command_audit(struct rundir *run, int argc, char **argv);
int command_rebuild_board(struct rundir *run, int argc, char **argv);
int command_rebuild_rounds(struct rundir *run, int argc, char **argv);
int command_notices(struct rundir *run, int argc, char **argv);
int command_notices_resend(struct rundir *run, int argc, char **argv);
int command_quarantine_list(struct rundir *run, int argc, char **argv);
int command_quarantine_show(struct rundir *run, int argc, char **argv);
int command_quarantine_replay(struct rundir *run, int argc, char **argv);
int command_submit(struct rundir *run, int argc, char **argv);
int command_simulate(struct rundir *run, int argc, char **argv);
int command_duplicates(struct rundir *run, int argc, char **argv);
int command_explain(struct rundir *run, int argc, char **argv);

#endif
