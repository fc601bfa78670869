/* Protections that the simulator takes out, one a build (-DMUTANT_LEASE_NEVER_EXPIRES=1), to show that it would notice:
 * see tests/simulation/README.md. In every service each of them is 0, and the compiler leaves nothing of it. */
#ifndef SANGKIEN_RUNTIME_MUTANT_H
#define SANGKIEN_RUNTIME_MUTANT_H

#ifndef MUTANT_NO_FENCING_EPOCH
#define MUTANT_NO_FENCING_EPOCH 0 /* quota takes verdicts of any epoch */
#endif
#ifndef MUTANT_EPOCH_AFTER_REBUILD
#define MUTANT_EPOCH_AFTER_REBUILD 0 /* an owner reads the signatures first and raises its epoch then */
#endif
#ifndef MUTANT_GREATEST_INSTEAD_OF_NEWEST
#define MUTANT_GREATEST_INSTEAD_OF_NEWEST 0 /* boards keep the greatest figure, as ZADD GT would, not the newest */
#endif
#ifndef MUTANT_NO_CONFLICT_ON_EFFECTS
#define MUTANT_NO_CONFLICT_ON_EFFECTS 0 /* totals move for decisions that were there before */
#endif
#ifndef MUTANT_ACKNOWLEDGE_BEFORE_COMMIT
#define MUTANT_ACKNOWLEDGE_BEFORE_COMMIT 0 /* a receipt whatever became of the commit */
#endif
#ifndef MUTANT_SWEEP_AFTER_LAST_SEEN
#define MUTANT_SWEEP_AFTER_LAST_SEEN 0 /* the sweeper goes on behind the last id it saw */
#endif
#ifndef MUTANT_LEASE_NEVER_EXPIRES
#define MUTANT_LEASE_NEVER_EXPIRES 0
#endif
#ifndef MUTANT_WINDOW_NEVER_FREED
#define MUTANT_WINDOW_NEVER_FREED 0
#endif
#ifndef MUTANT_PERSON_PER_SUBMISSION
#define MUTANT_PERSON_PER_SUBMISSION 0 /* who submits twice is two people */
#endif
#ifndef MUTANT_REVOKE_KEEPS_ANCESTORS
#define MUTANT_REVOKE_KEEPS_ANCESTORS 0 /* a revoked submission leaves its own unit alone */
#endif

#endif
