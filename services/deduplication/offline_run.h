/* The offline mode's run: what the roles of the service hold between them, and the batch at hand. */
#ifndef SANGKIEN_DEDUPLICATION_OFFLINE_RUN_H
#define SANGKIEN_DEDUPLICATION_OFFLINE_RUN_H

#include "services/deduplication/offline_texts.h"
#include "services/deduplication/scoring.h"
#include "services/deduplication/shingle_cache.h"
#include "services/deduplication/signer.h"

enum { OFFLINE_BATCH_MAX = 256, OFFLINE_THREADS_MAX = 64 };
enum { EXIT_USAGE = 64, EXIT_INPUT = 65, EXIT_NO_INPUT = 66, EXIT_MEMORY = 71, EXIT_OUTPUT = 74 };

/* What a batch needs of a text beside the text. */
struct offline_work {
	enum signer_fault fault;
	struct shingle_set *shingles;
	struct verdict_text about;
	struct rivals rivals;
	uint64_t unposted; /* shards where another text stands for it */
};

enum offline_phase { PHASE_READ, PHASE_SIGN, PHASE_ASK, PHASE_VERIFY, PHASE_DECIDE, PHASES };

struct offline {
	struct thresholds thresholds;
	uint32_t threads;
	bool stats;
	const char *input;
	struct shard_map map;
	struct text_index *shard[SHARDS_MAX];
	struct fold_table *fold;
	struct signer *signer[OFFLINE_THREADS_MAX];
	struct verifier *verifier[OFFLINE_THREADS_MAX];
	struct frequency *frequency;
	struct weights *weights;
	struct shingle_cache *cache;
	struct buffer out;
	struct offline_text *texts;
	uint32_t count, capacity, batch; /* of texts; in the batch at hand, the last ones */
	struct offline_work work[OFFLINE_BATCH_MAX];
	int64_t cpu_us[PHASES];
	uint64_t exact, duplicates, under_review;
};

/* The settings stay as they are. False: no memory. */
bool offline_open(struct offline *run, uint32_t shards) MUST_CHECK;
void offline_close(struct offline *run); /* tolerates the half-built */

/* Reads, judges and writes all. 0 or an exit code. */
int offline_judge(struct offline *run, struct offline_reader *reader) MUST_CHECK;

#endif
