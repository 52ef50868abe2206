# Core Service. `make help` lists the targets.
# One non-recursive Makefile; everything it writes lies under $(BUILD).

BUILD ?= build
MODE ?= release
O = $(BUILD)/$(MODE)
VERSION := 1.0.0

ifeq ($(origin CC),default)
CC = $(if $(filter fuzz,$(MODE)),clang,gcc)
endif
PREFIX ?= /usr/local
UNITDIR ?= $(PREFIX)/lib/systemd/system
# `make V=1` shows the commands.
Q = $(if $(V),,@)
SAY = $(if $(V),@:,@echo) " "
CSTD = -std=gnu17
WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wwrite-strings -Wpointer-arith -Wcast-qual -Wformat=2 -Wundef -Wvla \
	-Wimplicit-fallthrough -Wnull-dereference -Werror
HARDEN = -fno-common -fstack-protector-strong -fPIE
OPT_release = -O2 -g -D_FORTIFY_SOURCE=2
OPT_faults = -O1 -g -DFAULT_POINTS
OPT_asan = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
OPT_tsan = -O1 -g -fno-omit-frame-pointer -fsanitize=thread
OPT_fuzz = -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=undefined
CPPFLAGS = -D_GNU_SOURCE -DCORE_VERSION='"$(VERSION)"' -I. -I$(O)/gen -I/usr/include/postgresql
CFLAGS = $(CSTD) $(WARN) $(HARDEN) $(OPT_$(MODE)) $(EXTRA_CFLAGS)
LDFLAGS = -pie -Wl,-z,relro,-z,now $(filter -fsanitize%,$(OPT_$(MODE)))
PANGO_CFLAGS = $(shell pkg-config --cflags pangocairo pangoft2 | sed 's/-I/-isystem /g')
PANGO_LIBS = $(shell pkg-config --libs pangocairo pangoft2)

LIBS_common = -lpq -lhiredis -lcjson -lcivetweb -lcurl -lcrypto -lpthread -ldl -lm
LIBS_tickets = -lqrencode -lhpdf -lz $(PANGO_LIBS)
LIBS_check = $(shell pkg-config --libs check)

# --- sources: a directory is a program or a library ---------------------------------------------
COMMON_SRC := $(wildcard common/*.c)
API_SRC := $(filter-out api/main.c,$(wildcard api/*.c api/clients/*.c api/events/*.c api/guests/*.c \
	api/tickets/*.c api/payments/*.c api/statistics/*.c))
CTL_SRC := $(wildcard api/ctl/*.c)
TICKETS_SRC := $(filter-out worker-tickets/main.c,$(wildcard worker-tickets/*.c))
EMAIL_SRC := $(filter-out worker-email/main.c,$(wildcard worker-email/*.c))
PLATFORM_SRC := $(wildcard tests/support/platform*.c)
BENCH_SRC := $(filter-out tests/bench/bare_% tests/bench/overload.c tests/bench/soak.c,\
	$(wildcard tests/bench/*.c))
# What the programs of long loads share with the bench.
LOAD_SRC = tests/bench/generator.c tests/bench/processes.c tests/bench/mix.c
SUPPORT_SRC := $(filter-out $(PLATFORM_SRC) tests/support/with_servers.c,\
	$(wildcard tests/support/*.c))
UNIT_SRC := $(wildcard tests/unit/test_*.c)
INTEGRATION_SRC := $(wildcard tests/integration/test_*.c)

COMMON_SQL := $(sort $(wildcard common/sql/*.sql))
CTL_SQL := $(sort $(wildcard api/ctl/sql/*.sql))
API_SQL := $(filter-out $(CTL_SQL),$(sort $(wildcard api/sql/*.sql api/*/sql/*.sql)))
TICKETS_SQL := $(sort $(wildcard worker-tickets/sql/*.sql))
EMAIL_SQL := $(sort $(wildcard worker-email/sql/*.sql))
CHAOS_SQL := $(sort $(wildcard tests/chaos/sql/*.sql))
MIGRATIONS := $(sort $(wildcard schema/*.sql))

obj = $(patsubst %.c,$(O)/%.o,$(1))
SQL_SETS := common api ctl tickets email chaos
SQL_HEADERS = $(SQL_SETS:%=$(O)/gen/sql_%.h)
COMMON_LIB = $(O)/libcommon.a
PROGRAMS = core-api corectl worker-tickets worker-email platform with-servers
CHAOS_SRC := $(filter-out tests/chaos/faultproxy.c,$(wildcard tests/chaos/*.c))
CHAOS_BINS = $(O)/bin/faultproxy $(O)/tests/chaos/chaos
BINS = $(PROGRAMS:%=$(O)/bin/%)
# The same programs with a later step of the schema, for tests of an upgrade.
NEXT_BINS = $(O)/bin/next/core-api $(O)/bin/next/corectl
UNIT_BINS = $(UNIT_SRC:tests/unit/%.c=$(O)/tests/unit/%)
# The longest first, so that none of them runs alone at the end.
LONGEST = $(patsubst %,tests/integration/test_%.c,replica registration_races observability refunds \
	payment_calls holds import faults payments slow_clients statistics_histories fleet traces)
INTEGRATION_BINS = $(patsubst tests/integration/%.c,$(O)/tests/integration/%,\
	$(LONGEST) $(filter-out $(LONGEST),$(INTEGRATION_SRC)))

SWEEP_DATABASE_SRC := tests/sweeps/wire.c $(wildcard tests/sweeps/database*.c)

# What needs a million rows or a long time.
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BINS = $(FUZZ_SRC:tests/fuzz/%.c=$(O)/tests/fuzz/%)
FUZZ_S ?= 5
SEED ?= 1
MINUTES ?= 3
RATE ?= 20

SWEEP_SOURCES = $(filter %.c,$(COMMON_SRC) $(API_SRC) $(CTL_SRC) $(TICKETS_SRC) $(EMAIL_SRC)) \
	api/main.c worker-tickets/main.c worker-email/main.c
CRASH_SRC := $(wildcard tests/faults/crash*.c tests/faults/flows_*.c)
CRASH_BIN = $(O)/tests/faults/crash_points

LARGE_BINS = $(patsubst tests/%.c,$(O)/tests/%,$(wildcard tests/integration/large_*.c))

# What `make lint` reads.
C_FILES = $(shell git ls-files -co --exclude-standard -- '*.[ch]')
SHELL_FILES = $(shell git ls-files -co --exclude-standard -- '*.sh') .ci/run
SQL_FILES = $(COMMON_SQL) $(API_SQL) $(CTL_SQL) $(TICKETS_SQL) $(EMAIL_SQL)

# What tests say to the API and it answers, for the check against the API document.
DIALOGUES = $(CURDIR)/$(O)/dialogues
PYTHON = /usr/bin/python3
WEB = $(O)/gen/web
# Where sources find the files that they make part of the program.
EMBED_DIRS = -DTICKET_FONT_DIR='"$(O)/gen"' -DWEB_DIR='"$(WEB)"'

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules
.PHONY: all help deps install programs tests fuzz-programs check check-large rolling bench \
	drill asan tsan fuzz chaos chaos-short sweep-crashes crash-programs abuse lint lint-c \
	lint-k8s images demo up down clean sweep-database sweep-allocations overload soak sqlmap \
	valgrind profile

all: $(BINS) ## build every program into build/release/bin

help: ## this list
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## \(.*\)/\1#\2/p' Makefile | sort | \
		while IFS='#' read -r name text; do printf '%-12s %s\n' "$$name" "$$text"; done

# What runs on a bare machine installs first; the variables that ask pkg-config are expanded only by
# the second make.
deps: ## install the Debian packages that are missing (asks sudo when not root)
	@tests/support/install.sh

check: deps ## build everything and run every test against private servers
	+@$(MAKE) --no-print-directory -j2 tests
	@rm -rf $(DIALOGUES) && mkdir -p $(DIALOGUES)
	@tests/support/npm_ci.sh needed tests/npm $(BUILD)/check-npm --omit=dev
	@DIALOGUE_LOG=$(DIALOGUES) CHECK_AFTER="node tests/npm/validate.mjs \
		$(BUILD)/check-npm/node_modules $(WEB)/openapi.json $(DIALOGUES)" \
		$(O)/bin/with-servers tests/support/check.sh $(INTEGRATION_BINS) $(UNIT_BINS)

check-large: deps ## the tests that need a million rows or a long time, with their figures
	+@$(MAKE) --no-print-directory -j2 programs $(NEXT_BINS) $(LARGE_BINS)
	@for program in $(LARGE_BINS); do $(O)/bin/with-servers $$program || exit 1; done

drill: deps ## back the database up under load, destroy it and restore it to a moment
	+@$(MAKE) --no-print-directory -j2 programs $(O)/tests/integration/test_restore
	@$(O)/tests/integration/test_restore

rolling: deps ## restart everything 20 times under load behind nginx, and upgrade it
	+@$(MAKE) --no-print-directory -j2 programs $(NEXT_BINS) $(O)/tests/integration/large_rolling
	@$(O)/bin/with-servers $(O)/tests/integration/large_rolling

BENCH_BINS = $(O)/tests/bench/bench $(O)/bin/bench-httpd $(O)/bin/bench-tickets $(O)/bin/bench-mails
bench: export BENCH_JSON = $(O)/bench.json
bench: deps ## the load figures, one table (LOAD=name, RUNS=5): what we do beside what is possible
	+@$(MAKE) --no-print-directory -j2 programs $(BENCH_BINS)
	@$(O)/tests/bench/bench $(if $(LOAD),'$(LOAD)')

profile: ## where a load's time goes, by thread and function: LOAD=name
	@tests/support/install.sh profile
	+@$(MAKE) --no-print-directory -j2 programs $(BENCH_BINS)
	@rm -rf $(BUILD)/profile && mkdir -p $(BUILD)/profile
	-@RUNS=1 BENCH_PROFILE=$(BUILD)/profile $(O)/tests/bench/bench $(if $(LOAD),'$(LOAD)')
	@tests/bench/profile.sh $(BUILD)/profile

overload: deps ## 0.5 to 5 times the capacity, SECONDS_EACH (10) each: goodput, refusals, latency, memory
	+@$(MAKE) --no-print-directory -j2 programs $(O)/tests/bench/overload
	@$(O)/tests/bench/overload

MINUTES_OF_SOAK = $(if $(filter command%,$(origin MINUTES)),$(MINUTES),30)
soak: export SOAK_CSV = $(O)/soak.csv
soak: deps ## half the capacity for MINUTES (30) while connections are ended: nothing grows
	+@$(MAKE) --no-print-directory -j2 programs $(O)/tests/bench/soak
	@$(O)/tests/bench/soak $(MINUTES_OF_SOAK)

valgrind: ## the demo with every program under valgrind
	@tests/support/install.sh valgrind
	+@$(MAKE) --no-print-directory -j2 MODE=release programs
	@tests/support/valgrind.sh $(BUILD)/release/bin $(BUILD)/valgrind

asan: export CK_TIMEOUT_MULTIPLIER = 5
asan: export CHECK_LIMIT_S = 1200
asan tsan: export CHECK_JOBS = 2
asan: export ASAN_OPTIONS = detect_stack_use_after_return=1:strict_string_checks=1
asan: export UBSAN_OPTIONS = print_stacktrace=1
asan: export LSAN_OPTIONS = suppressions=$(CURDIR)/tests/support/lsan.supp:print_suppressions=0
asan: ## every test with the address and undefined behaviour sanitizers
	+@$(MAKE) --no-print-directory MODE=asan check

tsan: export CK_TIMEOUT_MULTIPLIER = 10
tsan: export CHECK_LIMIT_S = 1200
tsan: export TSAN_OPTIONS = halt_on_error=0:exitcode=66:suppressions=$(CURDIR)/tests/support/tsan.supp
tsan: ## every test with the thread sanitizer
	+@$(MAKE) --no-print-directory MODE=tsan check

# Other targets one at a time: make fuzz FUZZ=json FUZZ_S=600
fuzz: ## every fuzz target for FUZZ_S seconds (5), from the committed corpora
	@tests/support/install.sh lint
	+@$(MAKE) --no-print-directory -j2 MODE=fuzz fuzz-programs
	@$(BUILD)/fuzz/bin/with-servers tests/fuzz/fuzz.sh $(BUILD)/fuzz/tests/fuzz \
		$(BUILD)/fuzz/work $(FUZZ_S) $(FUZZ)

# A planted bug that must be found: make chaos BUG=no-dedupe; BUG=all for each of them.
chaos: deps ## everything fails under load for MINUTES (3) as SEED (1) says, then an audit; BUG=NAME
	+@$(MAKE) --no-print-directory -j2 programs $(CHAOS_BINS)
	@mkdir -p $(BUILD)/chaos
	@if [ -n "$(BUG)" ]; then tests/chaos/bugs.sh $(BUILD)/chaos "$(BUG)" $(SEED) $(MINUTES) $(RATE); \
	else $(O)/tests/chaos/chaos $(SEED) $(MINUTES) $(RATE) $(BUILD)/chaos/$(SEED); fi

chaos-short: ## a minute of it
	+@$(MAKE) --no-print-directory chaos SEED=1 MINUTES=1

# One label alone: make sweep-crashes CRASH=hold.committed
sweep-crashes: export CRASH_LABEL = $(CRASH)
sweep-crashes: deps ## each crash point: the process ends there, and nothing is lost, doubled or half done
	+@$(MAKE) --no-print-directory -j2 MODE=faults crash-programs
	@tests/faults/sweep.sh $(BUILD)/faults

# All of it: make sweep-database SWEEP=all; another part: SWEEP_SEED=1.
sweep-database: deps ## database calls and bytes of answers that fail, one by one (SWEEP=all: each)
	+@$(MAKE) --no-print-directory -j2 programs $(O)/tests/sweeps/database
	@$(O)/bin/with-servers tests/sweeps/database.sh $(O)/tests/sweeps/database

# All of it: make sweep-allocations SWEEP=all; another part: SEED=2.
sweep-allocations: export SEED := $(SEED)
sweep-allocations: deps ## allocations that fail, one by one, in each handler and job (SWEEP=all: each)
	+@$(MAKE) --no-print-directory -j2 programs $(O)/tests/sweeps/allocations
	@$(O)/bin/with-servers $(O)/tests/sweeps/allocations

# A longer run: make abuse ABUSE_REQUESTS=100000 ABUSE_SEED=2
abuse: deps ## hostile tokens, ids, texts and generated requests against the whole suite
	+@$(MAKE) --no-print-directory -j2 programs
	@tests/support/npm_ci.sh needed tests/npm $(BUILD)/lint-npm
	@tests/abuse/abuse.sh $(O)/bin $(BUILD)/lint-npm/node_modules $(WEB)/openapi.json \
		$(BUILD)/abuse

# One operation alone: make sqlmap ONLY=listGuests
sqlmap: deps ## sqlmap against every parameter of the API document, on the whole suite
	@tests/support/install.sh sqlmap
	+@$(MAKE) --no-print-directory -j2 programs
	@tests/support/npm_ci.sh needed tests/npm $(BUILD)/lint-npm
	@ONLY='$(ONLY)' tests/abuse/sqlmap.sh $(O)/bin $(BUILD)/lint-npm/node_modules \
		$(WEB)/openapi.json $(BUILD)/sqlmap

lint: ## format, analyzers, fences, SQL, README, installation and manifests against the programs
	@tests/support/install.sh lint
	+@$(MAKE) --no-print-directory -j2 programs
	@echo "  clang-format" && clang-format --dry-run -Werror $(C_FILES)
	@echo "  shellcheck" && shellcheck -x $(SHELL_FILES)
	@echo "  fences" && tests/support/fences.sh
	@echo "  SQL" && $(O)/bin/with-servers tests/support/prepare_sql.sh $(O)/bin/corectl $(SQL_FILES)
	@echo "  README" && tests/support/readme.sh check $(O)/bin
	@echo "  one machine" && $(O)/bin/with-servers tests/support/check_host.sh $(O)/bin $(BUILD)/host
	@echo "  alerts" && tests/support/alerts.sh $(O)/bin/corectl $(BUILD)/lint-alerts
	@echo "  API document"
	@tests/support/npm_ci.sh needed tests/npm $(BUILD)/lint-npm
	@$(BUILD)/lint-npm/node_modules/.bin/spectral lint --quiet --fail-severity=warn \
		--ruleset tests/npm/spectral.yaml api/openapi.yaml
	@REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true \
		$(BUILD)/lint-npm/node_modules/.bin/redocly lint --format=stylish \
		--config tests/npm/redocly.yaml api/openapi.yaml
	@$(MAKE) --no-print-directory lint-k8s
	@echo "  cppcheck" && cppcheck -q -j2 --std=c11 --enable=warning,performance,portability \
		--inline-suppr --suppressions-list=tests/support/cppcheck.supp --error-exitcode=1 \
		-D_GNU_SOURCE -DCORE_VERSION='"x"' -I. common api worker-tickets worker-email
	@echo "  clang-tidy" && $(MAKE) --no-print-directory -j2 lint-c

lint-k8s: programs ## every overlay against Kubernetes' types and the programs' variables, pools summed up
	@echo "  manifests"
	@tests/support/npm_ci.sh needed tests/npm $(BUILD)/lint-npm
	@tests/support/lint_k8s.sh $(O)/bin $(BUILD)/lint-npm/node_modules $(BUILD)/k8s

images: programs ## build the container images for real and run the suite from them (needs root)
	@tests/support/install.sh images || :
	@tests/support/images.sh $(O)/bin $(BUILD)/images

# One file a call; done again when the object would be, that is, when a header changed too.
lint-c: $(patsubst %.c,$(O)/lint/%.tidy,$(filter %.c,$(C_FILES)))
$(O)/lint/%.tidy: %.c $(O)/%.o .clang-tidy tests/.clang-tidy
	@mkdir -p $(@D)
	$(Q)clang-tidy --quiet $< -- $(CPPFLAGS) $(EMBED_DIRS) $(PANGO_CFLAGS) $(CSTD) \
		2>$@.err || { cat $@.err; exit 1; }
	@touch $@

programs: $(BINS)
tests: $(BINS) $(NEXT_BINS) $(UNIT_BINS) $(INTEGRATION_BINS)
crash-programs: $(BINS) $(CRASH_BIN)
fuzz-programs: $(O)/bin/with-servers $(O)/bin/corectl $(FUZZ_BINS)

# The suite's scripts read where things lie from the environment.
up down demo clean: export DEV = $(BUILD)/dev
up down demo clean: export BIN = $(BUILD)/release/bin

demo: ## the main job on real input, shown: event, guests, payment, PDFs, mails, door
	@tests/support/install.sh demo
	+@$(MAKE) --no-print-directory -j2 MODE=release programs
	@tests/support/demo.sh

up: deps ## start the suite in the background; addresses and secrets in build/dev/env
	+@$(MAKE) --no-print-directory -j2 MODE=release programs
	@tests/support/up.sh up

install: export DESTDIR := $(DESTDIR)
install: ## build and install below DESTDIR and PREFIX (/usr/local): programs, pages, units, nginx site
	+@$(MAKE) --no-print-directory -j2 MODE=release programs
	@PREFIX='$(PREFIX)' UNITDIR='$(UNITDIR)' k8s/host/install.sh $(BUILD)/release/bin

down: ## stop it; its data stays
	@tests/support/up.sh down

clean: ## remove everything built, and the data of `make up`
	@tests/support/up.sh purge
	rm -rf $(BUILD)

# --- SQL into C ---------------------------------------------------------------------------------
sql_files_common = $(COMMON_SQL)
sql_files_api = $(API_SQL)
sql_files_ctl = $(CTL_SQL)
sql_files_tickets = $(TICKETS_SQL)
sql_files_email = $(EMAIL_SQL)
sql_files_chaos = $(CHAOS_SQL)
sql_files_migrations = $(MIGRATIONS)

.SECONDEXPANSION:
$(O)/gen/sql_%.c: $$(sql_files_%) tests/support/embed_sql.sh Makefile
	@mkdir -p $(@D)
	$(SAY) SQL $*
	$(Q)tests/support/embed_sql.sh $* $(O)/gen/sql_$*.h $@ $(sql_files_$*)
$(O)/gen/sql_%.h: $(O)/gen/sql_%.c ;

NEXT_STEPS = $(sort $(wildcard tests/support/next/*.sql))
$(O)/gen/next/sql_migrations.c: $(MIGRATIONS) $(NEXT_STEPS) tests/support/embed_sql.sh
	@mkdir -p $(@D)
	$(Q)tests/support/embed_sql.sh migrations $(O)/gen/next/sql_migrations.h $@ \
		$(MIGRATIONS) $(NEXT_STEPS)

# --- the ticket's fonts: subsets, compiled into the program ---------------------------------------
NOTO_DIR ?= /usr/share/fonts/truetype/noto
TICKET_SUBSETS = western central cyrillic greek turkish baltic
TICKET_FONTS = $(foreach face,Regular Bold,$(O)/gen/NotoSans-$(face).ttf \
	$(TICKET_SUBSETS:%=$(O)/gen/NotoSans-$(face)-%.ttf))
SUBSET = hb-subset $< --unicodes-file=$(word 2,$^) --output-file=$@ --layout-features= \
	--no-hinting --notdef-outline --drop-tables+=GSUB,GPOS,GDEF,DSIG,STAT,meta

$(O)/gen/NotoSans-%.ttf: $(NOTO_DIR)/NotoSans-%.ttf worker-tickets/fonts/unicodes.txt
	@mkdir -p $(@D)
	$(SAY) FONT $@
	$(Q)$(SUBSET) --name-IDs=0,1,2,3,4,5,6,13,14
# The whole font keeps the notices of copyright and licence; these go into every page.
$(O)/gen/NotoSans-Regular-%.ttf: $(NOTO_DIR)/NotoSans-Regular.ttf worker-tickets/fonts/%.txt
	@mkdir -p $(@D)
	$(SAY) FONT $@
	$(Q)$(SUBSET) --name-IDs=2,6
$(O)/gen/NotoSans-Bold-%.ttf: $(NOTO_DIR)/NotoSans-Bold.ttf worker-tickets/fonts/%.txt
	@mkdir -p $(@D)
	$(SAY) FONT $@
	$(Q)$(SUBSET) --name-IDs=2,6
$(O)/worker-tickets/ticket_font.o: $(TICKET_FONTS)
$(O)/worker-tickets/ticket_font.o: CPPFLAGS += $(EMBED_DIRS)

# --- mail templates into C ----------------------------------------------------------------------
$(O)/gen/mail_templates.c: $(wildcard worker-email/templates/*/*) tests/support/embed_templates.sh
	@mkdir -p $(@D)
	$(SAY) TEMPLATES
	$(Q)tests/support/embed_templates.sh worker-email/templates $@

# --- the API document and the pages, compiled into the API ------------------------------------------
# The console comes from npm, by its lock file; where there is no npm the page does without, in files
# so old that the next make looks again.
WEB_PAGES = docs.html docs.js pages.css problem.html
WEB_CONSOLE = swagger-ui.css swagger-ui-bundle.js
WEB_FILES = $(addprefix $(WEB)/,openapi.yaml openapi.json $(WEB_PAGES) $(WEB_CONSOLE))

$(WEB)/openapi.yaml: api/openapi.yaml
	@mkdir -p $(@D)
	$(Q)cp $< $@
$(WEB)/openapi.json: api/openapi.yaml tests/support/yaml_to_json.py
	@mkdir -p $(@D)
	$(SAY) JSON $<
	$(Q)$(PYTHON) tests/support/yaml_to_json.py <$< >$@
$(addprefix $(WEB)/,$(WEB_PAGES)): $(WEB)/%: api/web/%
	@mkdir -p $(@D)
	$(Q)cp $< $@
$(addprefix $(WEB)/,$(WEB_CONSOLE)) &: api/web/package-lock.json tests/support/npm_ci.sh
	@mkdir -p $(WEB)
	$(SAY) NPM api/web
	$(Q)tests/support/npm_ci.sh optional api/web $(BUILD)/web
	$(Q)for file in $(WEB_CONSOLE); do \
		cp $(BUILD)/web/node_modules/swagger-ui-dist/$$file $(WEB)/ 2>/dev/null || \
			: >$(WEB)/$$file; \
	done
	@command -v npm >/dev/null || touch -d @0 $(addprefix $(WEB)/,$(WEB_CONSOLE))
$(O)/api/pages.o: $(WEB_FILES)
$(O)/api/pages.o: CPPFLAGS += $(EMBED_DIRS)

# --- objects, libraries, programs ---------------------------------------------------------------
$(O)/worker-tickets/ticket_text.o $(O)/tests/unit/%.o: CPPFLAGS += $(PANGO_CFLAGS)

$(O)/%.o: %.c | $(SQL_HEADERS) $(O)/gen/sql_migrations.h
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(O)/gen/%.o: $(O)/gen/%.c
	$(SAY) CC $<
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -Wno-overlength-strings -MMD -MP -c -o $@ $<

$(COMMON_LIB): $(call obj,$(COMMON_SRC)) $(O)/gen/sql_common.o
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^
$(O)/libapi.a: $(call obj,$(API_SRC)) $(O)/gen/sql_api.o $(O)/gen/sql_migrations.o
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^
$(O)/libtickets.a: $(call obj,$(TICKETS_SRC)) $(O)/gen/sql_tickets.o
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^
$(O)/libemail.a: $(call obj,$(EMAIL_SRC)) $(O)/gen/sql_email.o $(O)/gen/mail_templates.o
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^
$(O)/libsupport.a: $(call obj,$(SUPPORT_SRC))
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^

LINK = @mkdir -p $(@D)
LINK += && echo "  LINK $@" && $(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) \
	-Wl,--start-group $(filter %.a,$^) -Wl,--end-group

$(O)/bin/core-api: $(O)/api/main.o $(O)/libapi.a $(COMMON_LIB)
	$(LINK) $(LIBS_common)
$(O)/bin/corectl: $(call obj,$(CTL_SRC)) $(O)/gen/sql_ctl.o $(O)/libapi.a $(COMMON_LIB)
	$(LINK) $(LIBS_common)
# Its own object of the steps is found before the library's.
$(O)/bin/next/core-api: $(O)/api/main.o $(O)/gen/next/sql_migrations.o $(O)/libapi.a $(COMMON_LIB)
	$(LINK) $(LIBS_common)
$(O)/bin/next/corectl: $(call obj,$(CTL_SRC)) $(O)/gen/sql_ctl.o $(O)/gen/next/sql_migrations.o \
		$(O)/libapi.a $(COMMON_LIB)
	$(LINK) $(LIBS_common)
$(O)/bin/worker-tickets: $(O)/worker-tickets/main.o $(O)/libtickets.a $(COMMON_LIB)
	$(LINK) $(LIBS_tickets) $(LIBS_common)
$(O)/bin/worker-email: $(O)/worker-email/main.o $(O)/libemail.a $(COMMON_LIB)
	$(LINK) $(LIBS_common)
$(O)/bin/with-servers: $(O)/tests/support/with_servers.o $(O)/libsupport.a $(COMMON_LIB)
	$(LINK) $(LIBS_common)
$(O)/bin/platform: $(call obj,$(PLATFORM_SRC)) $(COMMON_LIB)
	$(LINK) $(LIBS_common)

$(O)/tests/bench/bench: $(call obj,$(BENCH_SRC)) $(O)/libsupport.a $(COMMON_LIB)
	$(LINK) $(LIBS_common)
$(O)/tests/bench/overload $(O)/tests/bench/soak: $(O)/tests/bench/%: $(O)/tests/bench/%.o \
		$(call obj,$(LOAD_SRC)) $(O)/libsupport.a $(COMMON_LIB)
	$(LINK) $(LIBS_common)
$(O)/bin/bench-httpd: $(O)/tests/bench/bare_httpd.o
	$(LINK) -lcivetweb
$(O)/bin/bench-mails: $(O)/tests/bench/bare_mails.o
	$(LINK) -lcurl -lpthread
$(O)/bin/bench-tickets: $(O)/tests/bench/bare_tickets.o
	$(LINK) -lpq $(LIBS_tickets)

# --- tests --------------------------------------------------------------------------------------
UNIT_LIBS = $(COMMON_LIB)
# Tests against real servers.
$(addprefix $(O)/tests/unit/,test_pg test_cache test_rate test_queue test_worker test_ticket_job \
	test_admission test_admission_forms): $(O)/libsupport.a
# Tests against a server in the same process.
$(addprefix $(O)/tests/unit/,test_httpd test_httpd_guard test_httpd_drain \
	test_httpd_stream): $(O)/libsupport.a
# Tests that sign tokens.
$(addprefix $(O)/tests/unit/,test_jwt_keys test_jwks test_recall): $(O)/libsupport.a
# Tests of worker-email's parts; its job against real servers and the stand-in platform.
$(addprefix $(O)/tests/unit/,test_template test_mail test_ical test_email_job): $(O)/libemail.a
$(O)/tests/unit/test_email_job: $(O)/libsupport.a | $(O)/bin/platform
$(O)/tests/unit/test_plans: $(O)/gen/sql_api.o $(O)/gen/sql_tickets.o $(O)/gen/sql_email.o $(O)/libsupport.a
# A unit test of a program's own files names that program's library here.
$(addprefix $(O)/tests/unit/,test_api_config test_dispatcher test_observe \
	test_interleavings test_token_cache): $(O)/libapi.a \
	$(O)/libsupport.a
$(addprefix $(O)/tests/unit/,test_client_address test_csv test_events_rules test_guests_rules test_payments_rules \
	test_openapi): $(O)/libapi.a
$(O)/tests/unit/%: $(O)/tests/unit/%.o $(UNIT_LIBS)
	$(LINK) $(LIBS_common) $(LIBS_check)
$(O)/tests/unit/test_ticket_%: $(O)/tests/unit/test_ticket_%.o $(O)/libtickets.a $(COMMON_LIB)
	$(LINK) $(LIBS_tickets) $(LIBS_common) $(LIBS_check)
# The table of routes and callers names every route, or nothing is built.
MATRIX_ROWS = $(O)/tests/integration/matrix_rows.o
all: $(O)/gen/matrix.covered
$(O)/gen/matrix.covered: $(O)/tests/integration/matrix_covers
	$< && touch $@
$(O)/tests/integration/matrix_covers: $(O)/tests/integration/matrix_covers.o $(MATRIX_ROWS) \
		$(O)/libapi.a $(COMMON_LIB)
	$(LINK) $(LIBS_common)
$(O)/tests/integration/test_matrix: $(MATRIX_ROWS) $(O)/gen/matrix.covered
$(O)/tests/integration/%: $(O)/tests/integration/%.o $(O)/libsupport.a $(COMMON_LIB)
	$(LINK) $(LIBS_common) $(LIBS_check)

# --- chaos ----------------------------------------------------------------------------------------
$(O)/bin/faultproxy: $(O)/tests/chaos/faultproxy.o $(COMMON_LIB)
	$(LINK) $(LIBS_common)
$(O)/tests/chaos/chaos: $(call obj,$(CHAOS_SRC)) $(O)/gen/sql_chaos.o $(O)/libsupport.a $(COMMON_LIB)
	$(LINK) $(LIBS_common)

# --- crash points -----------------------------------------------------------------------------------
$(O)/gen/crash_labels.c: $(SWEEP_SOURCES) tests/faults/labels.sh
	@mkdir -p $(@D)
	$(SAY) LABELS
	$(Q)tests/faults/labels.sh $(SWEEP_SOURCES) >$@
$(CRASH_BIN): $(call obj,$(CRASH_SRC)) $(O)/gen/crash_labels.o $(O)/libsupport.a $(COMMON_LIB)
	$(LINK) $(LIBS_common) $(LIBS_check)

# --- sweeps -----------------------------------------------------------------------------------------
$(O)/tests/sweeps/database: $(call obj,$(SWEEP_DATABASE_SRC)) $(MATRIX_ROWS) $(O)/libsupport.a \
		$(COMMON_LIB)
	$(LINK) $(LIBS_common)
$(O)/tests/sweeps/failing_malloc.so: tests/sweeps/failing_malloc.c tests/sweeps/failing_malloc.h
	@mkdir -p $(@D)
	$(SAY) LINK $@
	$(Q)$(CC) $(CPPFLAGS) $(CSTD) $(WARN) -O2 -g -fPIC -shared -o $@ $<
$(O)/tests/sweeps/allocations: $(call obj,$(wildcard tests/sweeps/allocations*.c)) $(O)/libapi.a \
		$(O)/libsupport.a $(COMMON_LIB) | $(O)/tests/sweeps/failing_malloc.so
	$(LINK) $(LIBS_common)

# --- fuzz targets ---------------------------------------------------------------------------------
# main.c of the API as a function that the target runs in a thread.
$(O)/tests/fuzz/core_api_main.o: api/main.c | $(SQL_HEADERS)
	@mkdir -p $(@D)
	$(SAY) CC $< as a function
	$(Q)$(CC) $(CPPFLAGS) -Dmain=core_api_main $(CFLAGS) -Wno-missing-prototypes -MMD -MP -c -o $@ $<
$(O)/tests/fuzz/fuzz_api: $(O)/tests/fuzz/core_api_main.o $(O)/libsupport.a
$(O)/tests/fuzz/fuzz_queue: $(O)/libsupport.a
$(O)/tests/fuzz/fuzz_%: $(O)/tests/fuzz/fuzz_%.o $(O)/tests/fuzz/fuzz.o $(O)/libapi.a $(COMMON_LIB)
	$(LINK) -fsanitize=fuzzer $(LIBS_common)

-include $(shell find $(O) -name '*.d' 2>/dev/null)
