#!/bin/bash
# Creates per second on a fresh cluster of three simulated nodes on loopback, through API, placement,
# log, SQLite and reply: at 1, 64 and 256 in flight. Figures are of this machine; see docs.
set -eu
src=$(cd "$(dirname "$0")/../.." && pwd)
build=${BLIXARD_BUILD:-$src/build}
dir=$(mktemp -d)
cluster() { BLIXARD_BUILD=$build "$src/contrib/bootstrap-cluster.sh" "$@"; }
trap 'cluster down --dir "$dir" >/dev/null 2>&1; rm -rf "$dir"' EXIT
cluster up --nodes 3 --dir "$dir" --driver sim >"$dir/up.log"
addr=$(sed -n 's/^export BLIXARD_ADDR=//p' "$dir/up.log" | tr -d "'\"")
pids=()
for k in 1 2 3; do pids+=(--pid "$(cat "$dir/n$k/pid")"); done
for n in 1 64 256; do
  "$build/blixardctl" bench --addr "$addr" --clients "$n" --count "${COUNT:-3000}" \
    --prefix "c$n" --start --keep "${pids[@]}"
done
