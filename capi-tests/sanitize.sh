#!/usr/bin/env bash
# Runs upstream's test programs and the stress tests with a library built with a sanitizer.
#
#   sanitize.sh asan|tsan BUILD-DIRECTORY
#
# It takes rustup's nightly toolchain. What is Rust is built with the sanitizer; upstream's programs are linked with its
# runtime only. LIBZMQ_DIR names another library to run. PROGRAMS and STRESS_TESTS name some of the
# programs and of the stress tests instead of all.
set -euo pipefail

case ${1-} in
    asan) sanitizer=address ;;
    tsan) sanitizer=thread ;;
    *) echo "usage: sanitize.sh asan|tsan BUILD-DIRECTORY" >&2; exit 2 ;;
esac
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
triple=x86_64-unknown-linux-gnu
rust=$(rustc +nightly --print sysroot)/lib/rustlib
runtime=$rust/$triple/lib/librustc-nightly_rt.$1.a
flags=("-Zsanitizer=$sanitizer" -Clink-arg=-rdynamic) std=()

# With its source at hand the standard library is built alike. Without, the thread sanitizer has to be told what the slow
# paths of its locks do.
if [ -e "$rust/src/rust/library/Cargo.lock" ]; then
    std=(-Zbuild-std)
else
    flags+=(-Cunsafe-allow-abi-mismatch=sanitizer)
    if [ "$sanitizer" = thread ]; then
        # The linker's name of a function of the standard library's, by how it ends.
        name() {
            local part='(?:(?!_RNv)[A-Za-z0-9_])*?'
            grep -aohP "_RNvM$part$1$part$2(?=[^A-Za-z0-9_]|_RN)" "$rust/$triple"/lib/libstd-*.rlib | sort -u
        }
        defines=() wraps=
        wrap() {
            local name
            name=$(name "$2" "$3")
            defines+=("-D$1=\"$name\"") wraps+=,--wrap=$name
        }
        wrap LOCK 5futex 5Mutex14lock_contended
        wrap CALL 5futex 4Once4call
        wrap WAIT 5futex 7Condvar4wait
        wrap WAIT_TIMEOUT 5futex 7Condvar12wait_timeout
        wrap END_THREAD 6scoped 29decrement_num_running_threads
        # Another name for another content, or nothing would be linked again.
        read -r sum _ < <(cksum "$here/tsan/locks.c")
        cc -c -fPIC -O1 "${defines[@]}" -o "$out/locks-$sum.o" "$here/tsan/locks.c"
        flags+=("-Clink-arg=$out/locks-$sum.o" "-Clink-arg=-Wl$wraps")
    fi
fi
export CARGO_PROFILE_RELEASE_LTO=off CARGO_TARGET_DIR=$out RUSTFLAGS="${flags[*]}"
cargo +nightly build --release --package libzmq --target "$triple" "${std[@]}"
ln -sf libzmq.so "$out/$triple/release/libzmq.so.5"

export LIBZMQ_DIR=${LIBZMQ_DIR:-$out/$triple/release} LINK_WHOLE=$runtime PATIENCE=10
# A peer may announce more bytes than there can be; and what was freed is kept back, but less than the tests would count
# as lost.
export ASAN_OPTIONS=allocator_may_return_null=1:quarantine_size_mb=8
export TSAN_OPTIONS=allocator_may_return_null=1:die_after_fork=0:suppressions=$here/tsan/suppressions.txt
run() { cargo +nightly test --release --package capi-tests --target "$triple" "${std[@]}" --test "$@"; }
failed=0
# The names are words.
# shellcheck disable=SC2086
run upstream -- ${PROGRAMS-} || failed=1
# shellcheck disable=SC2086
run stress -- ${STRESS_TESTS-} || failed=1
exit $failed
