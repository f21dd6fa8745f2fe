#!/usr/bin/env bash
# Pins and hashes every requirement file anew, without download addresses. Needs uv (pip install uv).
set -euo pipefail
cd "$(dirname "$0")/.."
for name in layers/{videojobs,tables,drawing}/requirements engine/layers/{videoengine/requirements,runtime/{decoding,inference}} \
    requirements/{dev,aws,lambda,lambda-oldest,sam,check,client,peers,tracking,datasets}; do
    [ ! -e "$name.txt" ] || cp "$name.txt" "$name.new"  # so that pins stay unless --upgrade is given
    uv pip compile "$@" --quiet --python-version 3.13 --python-platform x86_64-manylinux_2_28 \
        --generate-hashes --no-header --no-emit-index-url --no-annotate --no-emit-package openvino-telemetry \
        "$name.in" -o "$name.new"
    cmp -s "$name.new" "$name.txt" 2>/dev/null && rm "$name.new" || mv "$name.new" "$name.txt"
done
