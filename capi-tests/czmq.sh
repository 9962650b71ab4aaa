#!/usr/bin/env bash
# Runs the self-tests of czmq's classes with a libzmq and with the reference.
#
#   czmq.sh PREFIX REFERENCE-DIRECTORY BUILD-DIRECTORY
#
# PREFIX is where the library under test is installed; czmq is built against it once, and then loads whichever
# libzmq.so.5 it is told to. It comes from Debian's source package, so this takes apt-get, dpkg-dev and cmake; no
# package is installed. Ends with 1 if a test passes with the reference and not with the library.
set -euo pipefail

if [ $# -ne 3 ]; then
    echo "usage: czmq.sh PREFIX REFERENCE-DIRECTORY BUILD-DIRECTORY" >&2
    exit 2
fi
version=4.2.1-1
prefix=$(cd "$1" && pwd)
reference=$(cd "$2" && pwd)
mkdir -p "$3"
cd "$3"
out=$PWD

# With lists of its own, the system's stay as they are.
apt() {
    apt-get -qq -o Dir::Etc::sourcelist="$out/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State::lists="$out/lists" -o Dir::Cache="$out/cache" -o APT::Sandbox::User=root "$@"
}

if [ ! -e "built-$version" ]; then
    mkdir -p lists/partial cache/archives/partial
    echo "deb-src http://deb.debian.org/debian bookworm main" > sources.list
    apt update
    apt source --download-only "czmq=$version"
    rm -rf source build
    dpkg-source --no-check -x "czmq_$version.dsc" source > extract.log
    # Debug: the tests are assertions.
    options=()
    for library in UUID SYSTEMD LZ4 LIBCURL NSS LIBMICROHTTPD; do options+=("-DCZMQ_WITH_$library=OFF"); done
    if ! {
        PKG_CONFIG_PATH=$prefix/lib/pkgconfig cmake -S source -B build -DCMAKE_BUILD_TYPE=Debug \
            -DCMAKE_PREFIX_PATH="$prefix" -DENABLE_DRAFTS=OFF -DCZMQ_BUILD_STATIC=OFF "${options[@]}" &&
            cmake --build build --parallel "$(nproc)"
    } > build.log 2>&1; then
        tail -n 20 build.log >&2
        exit 1
    fi
    touch "built-$version"
fi
cd build

# passes LIBRARY-DIRECTORY CLASS LOG: a few of the tests need others to be quick, and are given further chances.
passes() {
    local try
    for try in 1 2 3; do
        if LD_LIBRARY_PATH=$1 timeout --kill-after=5 60 ./czmq_selftest --test "$2" > "$3" 2>&1; then
            if [ "$try" -gt 1 ]; then echo "$2 with $1: only at try $try"; fi
            return 0
        fi
        echo "$2 with $1: $(tail -n 1 "$3")"
    done
    return 1
}

for directory in "$reference" "$prefix/lib"; do
    loaded=$(LD_LIBRARY_PATH=$directory ldd ./czmq_selftest | sed -n 's/.*libzmq\.so\.5 => \(.*\) (.*/\1/p')
    if [ "$loaded" != "$directory/libzmq.so.5" ]; then
        echo "czmq has loaded $loaded rather than what is in $directory" >&2
        exit 1
    fi
done

passed=0 failed=0 neither=0
for class in $(./czmq_selftest --list | awk '$2 == "-" { print $1 }'); do
    if ! passes "$reference" "$class" "../$class.reference.log"; then
        passes "$prefix/lib" "$class" "../$class.log" || neither=$((neither + 1))
    elif passes "$prefix/lib" "$class" "../$class.log"; then
        passed=$((passed + 1))
    else
        echo "passes with the reference only: $class"
        failed=$((failed + 1))
    fi
done
verdict=FAILED
if [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]; then verdict=ok; fi
echo
echo "czmq $version; $neither classes pass with neither"
echo "test result: $verdict. $passed passed; $failed failed; 0 ignored"
[ "$verdict" = ok ]
