#!/bin/sh
# Runs targets for so many seconds each: fuzz/run.sh SECONDS [TARGET...]. Needs a stable toolchain and a C++ compiler,
# which it installs on Debian, for libFuzzer. No sanitizer: there is no unsafe code for one to watch, and what counts
# (panics, overflows, memory, time) is seen without one.
set -eu
cd "$(dirname "$0")/.."
seconds=$1
shift
[ $# -gt 0 ] || set -- $(basename -s .rs -a fuzz/fuzz_targets/*.rs)
command -v c++ >/dev/null 2>&1 || scripts/install-debian g++
fuzz/seed.sh

# What `cargo fuzz build --sanitizer none` does. Naming the target keeps the flags away from build scripts.
host=$(rustc -vV | sed -n 's/^host: //p')
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
RUSTFLAGS="$(echo $coverage) --cfg fuzzing" \
    cargo build --locked --release --manifest-path fuzz/Cargo.toml --target "$host"

for target in "$@"; do
    mkdir -p "fuzz/artifacts/$target"
    "fuzz/target/$host/release/$target" -max_total_time="$seconds" -rss_limit_mb=192 -timeout=20 -max_len=8192 -verbosity=0 \
        -print_final_stats=1 -artifact_prefix="fuzz/artifacts/$target/" "fuzz/corpus/$target"
    rmdir "fuzz/artifacts/$target" 2>/dev/null || true
done
