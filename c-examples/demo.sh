#!/usr/bin/env bash
# Builds the examples against a libzmq and shows what they do: Hello World, the weather and the pipeline.
#
#   demo.sh LIBRARY-DIRECTORY INCLUDE-DIRECTORY [BUILD-DIRECTORY]
#
# Ends with 1 if an example doesn't do what it should, or not in time. Ports 5555 to 5558 must be free.
set -euo pipefail

if [ $# -lt 2 ]; then
    echo "usage: demo.sh LIBRARY-DIRECTORY INCLUDE-DIRECTORY [BUILD-DIRECTORY]" >&2
    exit 2
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
library=$(cd "$1" && pwd)
include=$(cd "$2" && pwd)
out=${3:-${CARGO_TARGET_DIR:-$here/../target}/demo}
mkdir -p "$out"
out=$(cd "$out" && pwd)

running=()
stop() {
    local pid
    for pid in "${running[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${running[@]}"; do wait "$pid" 2>/dev/null || true; done
    running=()
}
trap stop EXIT

fail() {
    echo "demo: $*" >&2
    for log in "$out"/*.err; do
        if [ -s "$log" ]; then sed "s|^|$(basename "$log" .err): |" "$log" >&2; fi
    done
    exit 1
}

# start LIMIT LOG PROGRAM [ARGUMENT]...: runs one of the examples in the background, for LIMIT seconds at most.
start() {
    local limit=$1 log=$2
    shift 2
    timeout -k 2 "$limit" "$out/$1" "${@:2}" >"$out/$log.out" 2>"$out/$log.err" &
    running+=($!)
}

# show LOG: what a program of the background wrote.
show() { sed "s/^/    /" "$out/$1.out"; }

echo "== Building the examples"
[ -e "$library/libzmq.so.5" ] || fail "no libzmq.so.5 in $library"
rm -f "$out"/*.out "$out"/*.err
for source in "$here"/*.c; do
    "${CC:-cc}" -std=c99 -O2 -Wall -Wextra -Werror -I"$include" -o "$out/$(basename "$source" .c)" "$source" \
        -L"$library" -Wl,-rpath,"$library" -lzmq
done
echo "    $(timeout 10 "$out/version")"

echo "== Hello World, the client first"
start 40 hwclient hwclient
client=$!
sleep 0.5
start 40 hwserver hwserver
wait "$client" || fail "hwclient gave up or took more than 40 s"
stop
show hwclient
worlds=$(grep -c "^Received World" "$out/hwclient.out" || true)
[ "$worlds" -eq 10 ] || fail "$worlds Worlds instead of ten"

echo "== The weather, with three clients"
start 100 wuserver wuserver
clients=()
for zipcode in 10001 60606 94103; do
    start 90 "wuclient-$zipcode" wuclient "$zipcode "
    clients+=($!)
done
for client in "${clients[@]}"; do wait "$client" || fail "a wuclient gave up or took more than 90 s"; done
stop
for zipcode in 10001 60606 94103; do
    grep -q "^Average temperature" "$out/wuclient-$zipcode.out" || fail "no average for $zipcode"
    grep "^Average" "$out/wuclient-$zipcode.out" | sed "s/^/    /"
done

# batch WORKERS: sends one batch of tasks through so many workers; sets `elapsed` and `ideal`, in milliseconds.
batch() {
    local workers=$1 sink worker total
    start 40 tasksink tasksink
    sink=$!
    for worker in $(seq "$workers"); do start 40 "taskworker-$worker" taskworker; done
    # The Enter that taskvent waits for, when all have had time to connect.
    { sleep 1 && echo; } | timeout -k 2 40 "$out/taskvent" >"$out/taskvent.out" 2>"$out/taskvent.err" \
        || fail "taskvent failed or took more than 40 s"
    wait "$sink" || fail "tasksink failed or took more than 40 s"
    stop
    total=$(sed -n 's/.*Total expected cost: \([0-9]*\) msec/\1/p' "$out/taskvent.out")
    elapsed=$(sed -n 's/.*Total elapsed time: \([0-9]*\) msec/\1/p' "$out/tasksink.out")
    [ -n "$total" ] && [ -n "$elapsed" ] || fail "the batch has no cost or no time"
    ideal=$((total / workers))
}

echo "== The pipeline: a hundred tasks of 1 to 100 ms"
for workers in 1 2 4 8; do
    # The tasks are dealt out in turn whatever they cost, so the slowest of eight workers has by chance too much to do
    # in one batch of twenty or so. Three such batches are no chance.
    for attempt in 1 2 3; do
        batch "$workers"
        printf '    %d worker%s: %5d ms elapsed, %5d ms ideal (%d %%)\n' "$workers" \
            "$([ "$workers" -eq 1 ] && echo ' ' || echo s)" "$elapsed" "$ideal" $((elapsed * 100 / ideal))
        [ $((elapsed * 10)) -gt $((ideal * 14)) ] || break
        case $workers:$attempt in
            1:3 | 8:3) fail "$workers workers take more than 1.4 times the ideal" ;;
            2:* | 4:*) break ;;
        esac
    done
done
echo "== All as it should be"
