#!/bin/sh
# Runs targets for so many seconds each: fuzz/run.sh SECONDS [TARGET...]. Works on a stable toolchain: there is no
# unsafe code for a sanitizer to watch, and what counts (panics, overflows, memory, time) is seen without one.
set -eu
cd "$(dirname "$0")/.."
seconds=$1
shift
fuzz/seed.sh
[ $# -gt 0 ] || set -- $(basename -s .rs -a fuzz/fuzz_targets/*.rs)
for target in "$@"; do
    cargo fuzz run -s none "$target" -- \
        -max_total_time="$seconds" -rss_limit_mb=192 -timeout=20 -max_len=8192 -print_final_stats=1
done
