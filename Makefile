# make            builds libzmq.so.5 and libzmq.a in target/release, and include/zmq.h
# make header     makes include/zmq.h from the source
# make test       runs all tests and counts them
# make test-pyzmq runs pyzmq's tests with the library and with the reference; it fetches pyzmq from PyPI
# make test-czmq  does so with czmq's self-tests; it fetches czmq from Debian
# make fuzz       has libFuzzer run each target of fuzz/ for FUZZ_SECONDS, or those of FUZZ_TARGETS; wants nightly Rust
# make asan       runs upstream's programs and the stress tests with the address sanitizer; so does make tsan with the
#                 thread sanitizer. They take rustup's nightly toolchain
# make memcheck   runs upstream's programs under valgrind
# make upstream-under-load  runs upstream's programs ROUNDS times (20) on a machine that is kept busy
# make demo       runs the programs in c-examples
# make soak       holds conversations of all kinds for ten minutes; SOAK_SECONDS is how long
# make conversations  holds CONVERSATIONS (100000) of a raw peer with the library and with upstream's, from SEED on, and compares
# make inject     has system calls and allocations fail while sockets talk, in RUNS (1000) runs from SEED on
# make bench      compares its speed with upstream's; BENCH_ROUNDS=25 takes longer than 5, and is steadier
# make install    installs under PREFIX; also LIBDIR, INCLUDEDIR and DESTDIR
# make clean      removes what was built

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -ec

CARGO ?= cargo
INSTALL ?= install
# Tests themselves need not be as fast as the library.
TEST := $(CARGO) test --profile checks

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
PKGCONFIGDIR ?= $(LIBDIR)/pkgconfig
CMAKEDIR ?= $(LIBDIR)/cmake/ZeroMQ

# The version of the API, and that of the ABI after its name libzmq.so.
VERSION := 4.3.5
SOVERSION := 5.2.5

TARGET := $(or $(CARGO_TARGET_DIR),target)/release

.PHONY: all header test test-pyzmq test-czmq fuzz asan tsan memcheck upstream-under-load demo bench soak conversations inject install clean

all: header
	$(CARGO) build --release --package libzmq
	ln -sf libzmq.so $(TARGET)/libzmq.so.5

header: include/zmq.h

include/zmq.h: cbindgen.toml capi-tests/src/header.rs $(wildcard src/consts/*.rs src/capi/*.rs)
	$(CARGO) run --quiet --package capi-tests --bin header

# Commands that print lines like cargo's "test result: ok. 1 passed; 0 failed; 0 ignored" are counted. Add more here.
define TESTS
failed=0; \
$(TEST) --workspace --no-fail-fast || failed=1; \
RUSTFLAGS="--cfg loom" $(TEST) --package libzmq --lib --target-dir $(TARGET)/../loom model:: || failed=1; \
exit $$failed
endef

define COUNT
{ print; fflush() }
/^test result: / { passed += $$4; failed += $$6; skipped += $$8 }
END { printf "\ntests: %d passed, %d failed, %d skipped\n", passed, failed, skipped }
endef
export COUNT

test: all
	{ $(TESTS); } 2>&1 | awk "$$COUNT"

# Programs for libzmq that are built against what is installed under their own prefix.
PROGRAMS := $(TARGET)/../programs

test-pyzmq test-czmq: test-%: all
	$(MAKE) --no-print-directory install PREFIX=$(abspath $(PROGRAMS)/prefix) > /dev/null
	capi-tests/$*.sh $(PROGRAMS)/prefix $$($(CARGO) run --quiet --release --package capi-tests --bin reference) \
	    $(PROGRAMS)/$*

# A peer may name any size, for which there is no memory then. With coverage as cargo-fuzz has it. What was found is kept beside the programs, to go on from.
FUZZ_SECONDS ?= 600
FUZZ_TARGETS ?= $(notdir $(basename $(wildcard fuzz/fuzz_targets/*.rs)))
FUZZING := $(TARGET)/../fuzzing
FUZZ_PROGRAMS := $(FUZZING)/x86_64-unknown-linux-gnu/fuzz
FUZZ_FLAGS := -Zsanitizer=address -Cpasses=sancov-module \
    $(addprefix -Cllvm-args=-sanitizer-coverage-,level=4 inline-8bit-counters pc-table trace-compares)

fuzz:
	RUSTFLAGS="$(FUZZ_FLAGS)" $(CARGO) +nightly build --profile fuzz --package fuzz --features libfuzzer --bins \
	    --target x86_64-unknown-linux-gnu --target-dir $(FUZZING)
	$(FUZZ_PROGRAMS)/seeds $(FUZZING)/corpus > /dev/null
	for target in $(FUZZ_TARGETS); do \
	    echo "--- $$target"; \
	    ASAN_OPTIONS=allocator_may_return_null=1 $(FUZZ_PROGRAMS)/$$target -malloc_limit_mb=1000000000 -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=60 -detect_leaks=0 -print_final_stats=1 \
	        -artifact_prefix=$(FUZZING)/$$target- $(FUZZING)/corpus/$$target; \
	done

asan tsan: include/zmq.h
	capi-tests/sanitize.sh $@ $(TARGET)/../$@

# A forked child leaves its parent's sockets as they are, which counts as lost; a thread that looks up a name may outlive
# the program's main function, which counts as possibly lost, or for what the system's resolver has, as lost. Without
# turns for its threads, valgrind has those that poll starve the others.
memcheck: all
	RUN_UNDER="valgrind --quiet --fair-sched=yes --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
	    --suppressions=$(CURDIR)/capi-tests/memcheck.supp" PATIENCE=10 \
	    $(TEST) --package capi-tests --test upstream -- --skip test_fork

ROUNDS := 20
upstream-under-load: all
	LOAD=8 REPEAT=$(ROUNDS) $(TEST) --package capi-tests --test upstream

demo: all
	c-examples/demo.sh $(TARGET) include

# Its table is table.md in target/bench, its plots are report.html.
bench: export BENCH_ROUNDS ?= 5
bench: all
	$(CARGO) run --quiet --release --package capi-tests --bin bench

soak: export SOAK_SECONDS ?= 600
soak: all
	$(TEST) --package capi-tests --test stress -- soak

CONVERSATIONS ?= 100000
SEED ?= 0
conversations: all
	$(CARGO) run --quiet --profile checks --package capi-tests --bin conversations $(CONVERSATIONS) $(SEED)

inject: export RUNS ?= 1000
inject: export SEED := $(SEED)
inject: all
	$(TEST) --package capi-tests --test inject -- --nocapture

relative = $(shell realpath --canonicalize-missing --relative-to=$(1) $(2))

install: all
	$(INSTALL) -d $(DESTDIR)$(LIBDIR) $(DESTDIR)$(INCLUDEDIR) $(DESTDIR)$(PKGCONFIGDIR) $(DESTDIR)$(CMAKEDIR)
	$(INSTALL) -m 644 include/zmq.h include/zmq_utils.h $(DESTDIR)$(INCLUDEDIR)
	$(INSTALL) -m 644 $(TARGET)/libzmq.a $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 755 $(TARGET)/libzmq.so $(DESTDIR)$(LIBDIR)/libzmq.so.$(SOVERSION)
	ln -sf libzmq.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libzmq.so.5
	ln -sf libzmq.so.5 $(DESTDIR)$(LIBDIR)/libzmq.so
	sed -e 's|@VERSION@|$(VERSION)|' \
	    -e 's|@PKGCONFIG_TO_PREFIX@|$(call relative,$(PKGCONFIGDIR),$(PREFIX))|' \
	    -e 's|@PREFIX_TO_LIBDIR@|$(call relative,$(PREFIX),$(LIBDIR))|' \
	    -e 's|@PREFIX_TO_INCLUDEDIR@|$(call relative,$(PREFIX),$(INCLUDEDIR))|' \
	    packaging/libzmq.pc.in > $(DESTDIR)$(PKGCONFIGDIR)/libzmq.pc
	sed -e 's|@SOVERSION@|$(SOVERSION)|' \
	    -e 's|@CMAKE_TO_LIBDIR@|$(call relative,$(CMAKEDIR),$(LIBDIR))|' \
	    -e 's|@CMAKE_TO_INCLUDEDIR@|$(call relative,$(CMAKEDIR),$(INCLUDEDIR))|' \
	    packaging/ZeroMQConfig.cmake.in > $(DESTDIR)$(CMAKEDIR)/ZeroMQConfig.cmake
	sed -e 's|@VERSION@|$(VERSION)|' \
	    packaging/ZeroMQConfigVersion.cmake.in > $(DESTDIR)$(CMAKEDIR)/ZeroMQConfigVersion.cmake

clean:
	$(CARGO) clean
