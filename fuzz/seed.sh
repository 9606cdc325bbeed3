#!/bin/sh
# Seeds the corpus of every target from testdata/: whole files, and for the targets that read a part, what is behind
# the header.
set -eu
cd "$(dirname "$0")"
for target in fuzz_targets/*.rs; do
    name=$(basename "$target" .rs)
    mkdir -p "corpus/$name"
    for file in ../testdata/*.rdb; do
        seed="corpus/$name/$(basename "$file")"
        case "$name" in
            whole_file) cp "$file" "$seed" ;;
            window) { printf '\007'; cat "$file"; } > "$seed" ;;
            split) { printf '\000\100'; cat "$file"; } > "$seed" ;;
            dragonfly)
                { printf '\000'; tail -c +10 "$file"; } > "$seed"
                { printf '\003'; tail -c +10 "$file"; } > "$seed.blob" ;;
            *) tail -c +10 "$file" > "$seed" ;;
        esac
    done
done
