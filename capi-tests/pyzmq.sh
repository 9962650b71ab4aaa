#!/usr/bin/env bash
# Runs pyzmq's own tests with a libzmq and with the reference.
#
#   pyzmq.sh PREFIX REFERENCE-DIRECTORY BUILD-DIRECTORY
#
# PREFIX is where the library under test is installed; pyzmq is built against it once, and then loads whichever
# libzmq.so.5 it is told to. It comes from the Python package index, as do the packages that it needs. Ends with 1 if
# a test passes with the reference and not with the library.
set -euo pipefail

if [ $# -ne 3 ]; then
    echo "usage: pyzmq.sh PREFIX REFERENCE-DIRECTORY BUILD-DIRECTORY" >&2
    exit 2
fi
version=27.1.0
prefix=$(cd "$1" && pwd)
reference=$(cd "$2" && pwd)
mkdir -p "$3"
cd "$3"
out=$PWD
python=$out/venv/bin/python

if [ ! -e "built-$version" ]; then
    rm -rf venv tests
    python3 -m venv venv
    "$python" -m pip install --quiet cython==3.1.4 scikit-build-core==0.11.6 cmake==3.31.6 ninja==1.13.0 \
        packaging==25.0 setuptools==80.9.0 pytest==8.4.2 pytest-asyncio==1.2.0 pytest-timeout==2.4.0 \
        pytest-rerunfailures==16.0.1 tornado==6.5.2 gevent==25.9.1
    PATH=$out/venv/bin:$PATH "$python" -m pip download --quiet --no-deps --no-build-isolation --no-binary pyzmq \
        --dest . "pyzmq==$version"
    # pip keeps wheels that it has built, and one of these may be linked with something else.
    PATH=$out/venv/bin:$PATH ZMQ_PREFIX=$prefix "$python" -m pip install --quiet --no-deps --no-build-isolation \
        --no-cache-dir "./pyzmq-$version.tar.gz"
    # Without the package beside it, which Python would find first.
    mkdir tests
    tar -xzf "pyzmq-$version.tar.gz" -C tests --strip-components=1 "pyzmq-$version/tests" "pyzmq-$version/pytest.ini"
    touch "built-$version"
fi

# run NAME LIBRARY-DIRECTORY: leaves NAME.xml and NAME.log.
run() {
    local loaded
    export LD_LIBRARY_PATH=$2
    loaded=$("$python" -c 'import zmq; print(*{l.split()[-1] for l in open("/proc/self/maps") if "libzmq" in l})')
    if [ "$(dirname "$loaded")" != "$(realpath "$2")" ]; then
        echo "pyzmq has loaded $loaded rather than what is in $2" >&2
        exit 1
    fi
    rm -f "$1.xml"
    # Some of the tests are races, with any libzmq, and are given further chances, which the summary counts.
    # The extension that one of them compiles wants zmq.h.
    (cd tests && CFLAGS="-I$prefix/include" timeout --kill-after=10 900 "$python" -m pytest -p no:cacheprovider \
        -v -rfER --timeout 30 --reruns 4 --junitxml="$out/$1.xml") > "$1.log" 2>&1 || true
    unset LD_LIBRARY_PATH
    echo "pyzmq $version with $loaded:"
    sed -n '/short test summary info/,$p' "$1.log"
    if [ ! -e "$1.xml" ]; then
        echo "it ended early:"
        tail -n 20 "$1.log"
    fi
}

run reference "$reference"
run ours "$prefix/lib"

exec "$python" - reference.xml ours.xml <<'END'
import os
import sys
import xml.etree.ElementTree as tree


def outcomes(path):
    """What has become of each test: passed, or else failure, error or skipped."""
    results = {}
    for case in tree.parse(path).iter("testcase") if os.path.exists(path) else ():
        bad = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        results[case.get("classname"), case.get("name")] = bad[0] if bad else "passed"
    return results


reference, ours = map(outcomes, sys.argv[1:])
passed = [test for test, outcome in reference.items() if outcome == "passed"]
worse = [test for test in passed if ours.get(test) != "passed"]
for test in worse:
    print("passes with the reference only:", *test, f"({ours.get(test, 'not run')})")
good = len(passed) - len(worse)
print(f"\ntest result: {'FAILED' if worse or not passed else 'ok'}. {good} passed; {len(worse)} failed; 0 ignored")
sys.exit(bool(worse or not passed))
END
