# Sáng Kiến. One non-recursive Makefile; everything is built under build/. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := all

CC ?= gcc
PYTHON := /usr/bin/python3
BUILD := build
comma := ,
SANITIZE ?=
ifneq ($(SANITIZE),)
BUILD := build/$(subst $(comma),-,$(SANITIZE))
endif

PACKAGES := libzmq libprotobuf-c libpq libsodium libcurl yajl yaml-0.1 libutf8proc
ifeq ($(filter help packages stop clean,$(MAKECMDGOALS)),)
PACKAGE_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
endif
WARNINGS := -Wall -Wextra -Werror -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wpointer-arith -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wimplicit-fallthrough -Wno-sign-conversion
HARDENING := -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE -ftrivial-auto-var-init=zero
OPTIMIZE := -O2 -g
ifneq ($(SANITIZE),)
OPTIMIZE := -O1 -g -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=undefined
else
HARDENING += -D_FORTIFY_SOURCE=2
endif
CFLAGS := -std=c17 -D_GNU_SOURCE $(OPTIMIZE) $(WARNINGS) $(HARDENING) -pthread
CPPFLAGS := -I. -I$(BUILD) $(PACKAGE_CFLAGS)
LDFLAGS := -pie -Wl,-z,relro,-z,now,-z,noexecstack -pthread $(if $(SANITIZE),-fsanitize=$(SANITIZE))
LDLIBS := -lzmq -lprotobuf-c -lhiredis -lpq -lsodium -lcurl -lyajl -lyaml -lutf8proc -lhttp_parser -lxxhash -lm

SERVICES := intake validation deduplication quota notification leaderboard
PROTO_SRC := $(wildcard proto/*.proto)
PROTO_C := $(PROTO_SRC:%.proto=$(BUILD)/%.pb-c.c)
PROTO_H := $(PROTO_C:.c=.h)
COMMON_SRC := $(wildcard common/*/*.c)
COMMON_OBJ := $(COMMON_SRC:%.c=$(BUILD)/%.o) $(PROTO_C:.c=.o)

.PHONY: all
all: $(SERVICES:%=$(BUILD)/%) $(BUILD)/sangkien ## build every service and the operators' tool

# Protobuf -------------------------------------------------------------------------------------------------------------
$(BUILD)/proto/%.pb-c.c $(BUILD)/proto/%.pb-c.h &: proto/%.proto
	@mkdir -p $(@D)
	protoc-c --c_out=$(BUILD) $<
$(BUILD)/proto/%.pb-c.o: $(BUILD)/proto/%.pb-c.c
	$(CC) $(CPPFLAGS) $(filter-out -W%,$(CFLAGS)) -c $< -o $@

# Objects --------------------------------------------------------------------------------------------------------------
$(BUILD)/%.o: %.c | $(PROTO_H)
	@mkdir -p $(@D)
	@echo '  CC $<'
	@$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/common.a: $(COMMON_OBJ)
	@rm -f $@
	@ar rcs $@ $^

# The version is an object of its own, so that a commit relinks the programs and compiles nothing -----------------------
SANGKIEN_VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
.PHONY: FORCE
$(BUILD)/version.c: FORCE
	@mkdir -p $(@D); new=$@.$$$$; \
	printf '#include "common/runtime/service.h"\n\nconst char sangkien_version[] = "%s";\n' '$(SANGKIEN_VERSION)' > $$new; \
	if cmp -s $$new $@; then rm $$new; else mv $$new $@; fi
$(BUILD)/version.o: $(BUILD)/version.c
	$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

# One rule template a service: all its files but main.c are also an archive that unit tests link ------------------------
define service_rules
$(1)_SRC := $$(wildcard services/$(1)/*.c)
$(1)_OBJ := $$($(1)_SRC:%.c=$(BUILD)/%.o)
$(BUILD)/services/$(1).a: $$(filter-out %/main.o,$$($(1)_OBJ))
	@rm -f $$@
	@ar rcs $$@ $$^
$(BUILD)/$(2): $(BUILD)/services/$(1)/main.o $(BUILD)/version.o $(BUILD)/services/$(1).a $(BUILD)/common.a
	@echo '  LD $$@'
	@$(CC) $(LDFLAGS) $$^ $(LDLIBS) -o $$@
endef
$(foreach service,$(SERVICES),$(eval $(call service_rules,$(service),$(service))))
$(eval $(call service_rules,control,sangkien))

# Unit tests: tests/unit/<wing>/test_x.c links <wing>.a where there is a service of that name ---------------------------
UNIT_SRC := $(wildcard tests/unit/*/test_*.c)
UNIT_BIN := $(UNIT_SRC:%.c=$(BUILD)/%)
define unit_rule
$(BUILD)/$(1:.c=): $(BUILD)/$(1:.c=.o) $(if $(wildcard services/$(word 3,$(subst /, ,$(1)))),$(BUILD)/services/$(word 3,$(subst /, ,$(1))).a) $(BUILD)/common.a
	@echo '  LD $$@'
	@$(CC) $(LDFLAGS) $$^ $(LDLIBS) -lcmocka -o $$@
endef
$(foreach test,$(UNIT_SRC),$(eval $(call unit_rule,$(test))))
.PHONY: unit
unit: $(UNIT_BIN) ## build and run the unit tests (ONE=tests/unit/edge/test_lease runs one)
	@SANGKIEN_BUILD=$(BUILD) tests/run unit $(if $(ONE),-k $(ONE:tests/unit/%=%))

# What measures: tests/bench/x.c links deduplication.a. The method measured against stays plain scalar C. -----------------
BENCH_SRC := $(wildcard tests/bench/*.c)
BENCH_BIN := $(BENCH_SRC:%.c=$(BUILD)/%)
$(BUILD)/tests/bench/minhash.o: CFLAGS += -fno-tree-vectorize -fno-tree-slp-vectorize
$(BENCH_BIN): %: %.o $(BUILD)/services/deduplication.a $(BUILD)/common.a
	@echo '  LD $@'
	@$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

# (SIMULATED_ONCE_x: what every process of x makes for itself and all share here.)
# The simulator: every service's own objects, main() included, as one relocatable file each whose only name is
# <service>_main; what they ask of the outside is tests/simulation's instead of common/runtime's and the libraries' ------
SIMULATED := intake validation deduplication quota leaderboard
SIMULATION_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/simulation/*.c))
SIMULATION_LIBS := -lprotobuf-c -lsodium -lyajl -lyaml -lutf8proc -lxxhash -llua5.1 -lm
define simulated_rule
$(BUILD)/simulation/$(1).o: $$($(1)_OBJ) Makefile
	@mkdir -p $$(@D)
	@ld -r $(addprefix --wrap=,$(2)) -o $$@ $$(filter %.o,$$^)
	@objcopy --redefine-sym main=$(1)_main --keep-global-symbol=$(1)_main $(addprefix --keep-global-symbol=,$(2)) $$@
endef
SIMULATED_ONCE_deduplication := fold_table_new fold_table_free weights_new_empty weights_free
$(foreach service,$(SIMULATED),$(eval $(call simulated_rule,$(service),$(SIMULATED_ONCE_$(service)))))
$(BUILD)/simulation/simulator: $(SIMULATION_OBJ) $(SIMULATED:%=$(BUILD)/simulation/%.o) $(BUILD)/common.a
	@echo '  LD $@'
	@$(CC) $(LDFLAGS) -Wl,--wrap=clock_receipt_us $^ $(SIMULATION_LIBS) -o $@

# What decides does no I/O: credit, lease and re-dispatch, window, sweeper, fence, quota's effects, boards' versions, index
# and verdict. This links without libzmq, libpq, hiredis, clocks and threads, or it is not built; nobody runs it --------
PURE := $(addprefix common/,edge/credit edge/lease edge/lease_book edge/lease_worker edge/wire runtime/arena runtime/buffer \
		domain/unit_tree domain/text domain/tracking_code) \
	$(addprefix services/intake/,window backlog id_map sweep_walk) \
	$(addprefix services/quota/,fence board_versions copies tally days hours people) \
	$(addprefix services/deduplication/,tenure index index_batch entries pages postings sketch lanes weights verdict) \
	services/leaderboard/versions
$(BUILD)/simulation/pure: $(PURE:%=$(BUILD)/%.o) $(PROTO_C:.c=.o)
	@mkdir -p $(@D)
	@$(CC) -pie -nostartfiles -Wl,-e,0 $^ -lprotobuf-c -lxxhash -lutf8proc -lm -o $@
	@! nm -u $@ | grep -wE 'clock_gettime|gettimeofday|time|poll|epoll_wait|socket|sendto|recvfrom|read|write|open|fopen|pthread_create'
$(BUILD)/simulation/simulator: | $(BUILD)/simulation/pure

# Its mutants: one object of one service (or of common/) is built without one protection -------------------------------
MUTANTS := no_fencing_epoch=quota/fence epoch_after_rebuild=deduplication/tenure \
	greatest_instead_of_newest=quota/board_scripts no_conflict_on_effects=quota/history \
	acknowledge_before_commit=intake/scribe sweep_after_last_seen=intake/sweep_walk window_never_freed=intake/window \
	person_per_submission=quota/people revoke_keeps_ancestors=quota/tally lease_never_expires=edge/lease
upper = $(shell printf %s '$(1)' | tr a-z A-Z)
# name, wing, file
define mutant_rule
$(BUILD)/simulation/mutant_$(1)/$(3).o: $(if $(filter edge,$(2)),common,services)/$(2)/$(3).c common/runtime/mutant.h | $(PROTO_H)
	@mkdir -p $$(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) -DMUTANT_$(call upper,$(1))=1 -c $$< -o $$@
$(BUILD)/simulation/mutant_$(1)/$(2).o: $(BUILD)/simulation/mutant_$(1)/$(3).o $(filter-out %/$(3).o,$($(2)_OBJ)) Makefile
	@ld -r $(addprefix --wrap=,$(SIMULATED_ONCE_$(2))) -o $$@ $$(filter %.o,$$^)
	@objcopy --redefine-sym main=$(2)_main --keep-global-symbol=$(2)_main \
		$(addprefix --keep-global-symbol=,$(SIMULATED_ONCE_$(2))) $$@
$(BUILD)/simulation/mutant_$(1)/simulator: $(BUILD)/simulation/mutant_$(1)/$(if $(filter edge,$(2)),$(3),$(2)).o $(SIMULATION_OBJ) \
		$(patsubst %,$(BUILD)/simulation/%.o,$(filter-out $(2),$(SIMULATED))) $(BUILD)/common.a
	@echo '  LD $$@'
	@$(CC) $(LDFLAGS) -Wl,--wrap=clock_receipt_us $$^ $(SIMULATION_LIBS) -o $$@
endef
MUTANTS_BUILT := $(foreach mutant,$(MUTANTS),$(BUILD)/simulation/mutant_$(word 1,$(subst =, ,$(mutant)))/simulator)
$(foreach mutant,$(MUTANTS),$(eval $(call mutant_rule,$(word 1,$(subst =, ,$(mutant))),$(word 2,$(subst /, ,$(subst =, ,$(mutant)))),$(notdir $(mutant)))))
# A fiber is left and entered by longjmp(), which the fortified one takes for a mistake.
$(BUILD)/tests/simulation/%.o: CFLAGS += -U_FORTIFY_SOURCE
$(BUILD)/tests/simulation/redis_scripts.o: CPPFLAGS += $(shell pkg-config --cflags lua5.1 2>/dev/null)

# The page, in the same place whatever the sanitizers: packages as their lockfile pins them, installed below build/ -------
PAGE := services/leaderboard/web
build/npm/%.done:
	@mkdir -p build/npm/$*
	@cp $(filter %.json,$^) build/npm/$*/
	@cd build/npm/$* && for try in 1 2 3; do npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && exit 0; sleep 2; done; exit 1
	@touch $@
build/npm/page.done: $(PAGE)/package.json $(PAGE)/package-lock.json
build/npm/tests.done: tests/web/package.json tests/web/package-lock.json
build/web/index.html: build/npm/page.done $(wildcard $(addprefix $(PAGE)/,*.mjs src/* src/*/*)) deploy/units/national.csv deploy/units/provinces-2025.csv
	@echo '  WEB build/web'
	@node $(PAGE)/build.mjs build/npm/page/node_modules build/web
.PHONY: web pictures
pictures: ## take over the help's pictures from the last `tests/run web`
	@cp build/page/pictures/*.webp $(PAGE)/src/pictures/
web: build/web/index.html ## build the page into build/web

.PHONY: run stop packages
run: packages ## install what is missing, build, start everything, print the address
	@$(MAKE) --no-print-directory -j2 all web
	@$(BUILD)/sangkien up
stop: ## stop what `make run` started; the data are kept
	@$(BUILD)/sangkien down
packages:
	@deploy/bootstrap run

.PHONY: test lint fault fuzz bench bench-deduplication bench-board bench-backlog
test: ## install what is missing and run every test; ends with `N passed, N failed`
	@deploy/bootstrap test
	@$(MAKE) --no-print-directory -j2 all web build/npm/tests.done $(UNIT_SRC:%.c=$(BUILD)/%) \
		$(if $(SANITIZE),,$(BUILD)/simulation/simulator)
	@SANGKIEN_BUILD=$(BUILD) tests/run
fault: ## the fault matrix under load (SEED=7 replays a seed, ONLY=13 or 13-flushall one row); writes build/fault.json
	@deploy/bootstrap fault
	@$(MAKE) --no-print-directory -j2 all
	@SANGKIEN_BUILD=$(BUILD) SEED=$(SEED) ONLY=$(ONLY) PATIENCE=$(or $(PATIENCE),$(if $(SANITIZE),6)) tests/fault/run
lint: ## clang-format, clang-tidy, syntax of scripts
	@SANGKIEN_BUILD=$(BUILD) tests/run lint
fuzz: ## any octets through what folds and compares texts (SECONDS=60); needs clang
	@mkdir -p build/fuzz
	clang -std=c17 -D_GNU_SOURCE -I. $(PACKAGE_CFLAGS) -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		tests/fuzz/fold.c $(addprefix services/deduplication/,fold.c legacy.c shingle.c lanes.c sketch.c weights.c pages.c signer.c \
		verify.c explain.c) common/runtime/buffer.c -lsodium -lutf8proc -lm -o build/fuzz/fold
	build/fuzz/fold -max_len=4096 -max_total_time=$(or $(SECONDS),60) -print_final_stats=1
bench: ## measure the pipeline beside the limit of COPY, and finding copies beside MinHash; writes build/bench*.json
	@deploy/bootstrap bench
	@$(MAKE) --no-print-directory -j2 all $(BENCH_BIN)
	@SANGKIEN_BUILD=$(BUILD) tests/bench/bench.py
	@SANGKIEN_BUILD=$(BUILD) tests/bench/deduplication.py
	@SANGKIEN_BUILD=$(BUILD) tests/bench/rebuild.py
	@SANGKIEN_BUILD=$(BUILD) tests/bench/board.py
bench-board: ## 10,000 event streams beside Node's, board reads beside nginx's; writes build/bench-board.json
	@deploy/bootstrap bench
	@$(MAKE) --no-print-directory -j2 all web
	@SANGKIEN_BUILD=$(BUILD) tests/bench/board.py
bench-deduplication: ## finding copies alone, and rebuilding their index: about eight minutes; writes build/bench-deduplication.json
	@deploy/bootstrap bench
	@$(MAKE) --no-print-directory -j2 all $(BENCH_BIN)
	@SANGKIEN_BUILD=$(BUILD) tests/bench/deduplication.py
	@SANGKIEN_BUILD=$(BUILD) tests/bench/rebuild.py
bench-backlog: ## resident memory while a backlog of a million drains; writes build/backlog.json
	@deploy/bootstrap bench
	@$(MAKE) --no-print-directory -j2 all
	@SANGKIEN_BUILD=$(BUILD) tests/bench/backlog.py

SEEDS ?= 10000
.PHONY: simulate-faults simulation
simulation: $(BUILD)/simulation/simulator $(MUTANTS_BUILT)
simulate-faults: ## the pipeline under faults on virtual time, then its mutants (SEED=n replays one, TRACE=1 tells it; SEEDS=n FROM=n)
	@deploy/bootstrap test
	@$(MAKE) --no-print-directory -j2 simulation
	@$(if $(SEED),$(BUILD)/simulation/simulator --seed $(SEED) $(if $(TRACE),--trace),\
		$(BUILD)/simulation/simulator --seeds $(SEEDS) $(if $(FROM),--from $(FROM)) && tests/simulation/find_mutants $(BUILD)/simulation)

.PHONY: format
format: ## rewrite the C sources in the house's format
	clang-format -i $$(git ls-files '*.c' '*.h')

.PHONY: clean
clean: ## remove build/
	rm -rf build

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | column -t -s$$'\t'

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.SECONDARY:
