#!/bin/bash
# Errors and crashes are kept as envelopes: listed, shown, deleted; a crash with what led to it.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
if ! grep -q 'define BX_DIAGNOSTICS' "$build/config.h"; then
  echo "1..0 # SKIP built without diagnostics"
  exit 0
fi
up 1

gone() { ! kill -0 "$1" 2>/dev/null; }
busy() { [ "$(ctl vm list -o name 2>/dev/null | wc -l)" -gt 0 ]; }
spool() { ls "$dir"/n1/diag/*.event 2>/dev/null; }
has_envelopes() { [ "$(ctl diag list -o name 2>/dev/null | wc -l)" -eq "$1" ]; }

crash_under_load()
{
  local pid load
  pid=$(cat "$dir/n1/pid")
  "$build/blixardctl" bench --clients 8 --count 200000 >/dev/null 2>&1 </dev/null &
  load=$!
  wait_until 20 busy
  kill -SEGV "$pid"
  wait_until 20 gone "$pid"
  kill "$load" 2>/dev/null
  wait "$load" 2>/dev/null
  cluster up --nodes 1 --dir "$dir" --driver sim >"$dir/out" 2>&1
}

ctl diag list >"$dir/out" 2>"$dir/err" && [ "$(wc -l <"$dir/out")" -le 1 ]
ok $? "a daemon that runs well has no envelope"

n=0
for round in 1 2 3; do
  n=$((n + 1))
  crash_under_load
  wait_until 20 has_envelopes "$n"
  ok $? "crash $round: the next start makes an envelope"
done
id=$(ctl diag list -o json | sed -n 's/.*"id": "\([0-9a-f]*\)".*/\1/p' | tail -n 1)
ctl diag show "$id" >"$dir/out" 2>"$dir/err" && grep -q '^exception *SIGSEGV' "$dir/out" &&
  grep -q '^attachment *crash-.*\.bxr' "$dir/out" && grep -q '^log ' "$dir/out"
ok $? "it tells the signal, and has the recorder's file and log lines"
grep -q ' request *began *vm\.create *[0-9a-f]\{16\}$' "$dir/out" &&
  grep -q ' request *proposed *vm\.create ' "$dir/out"
ok $? "it has the breadcrumbs of the requests in flight"
ctl diag show "$id" -o json >"$dir/out" 2>"$dir/err" && grep -q '\\"level\\":\\"fatal\\"' "$dir/out" &&
  grep -q '\\"requests_in_flight\\":\\"[1-9]' "$dir/out"
ok $? "it is an object for programs"
grep -q '\\"value\\":\\"sent by process [1-9]' "$dir/out" && grep -q '\\"instruction_addr\\":\\"0x[0-9a-f]' "$dir/out"
ok $? "it has the sender of the signal, and the call stack"
ctl diag show "${id:0:8}" >"$dir/out" 2>"$dir/err"
ok $? "a prefix of its id names it"

# --- secrets ---------------------------------------------------------------------------
ctl cluster join "blx1.00.PLANTEDSECRET.127.0.0.1:1" >"$dir/out" 2>"$dir/err"
ctl vm create PLANTEDSECRET --metadata k=PLANTEDSECRET >"$dir/out" 2>"$dir/err"
crash_under_load
wait_until 20 has_envelopes 4
! grep -rqa 'PLANTEDSECRET' "$dir/n1/diag" "$dir/n1/recorder"
ok $? "a token and what a request contains are in no envelope and no file of the recorder"
id=$(ctl diag list -o json | sed -n 's/.*"id": "\([0-9a-f]*\)".*/\1/p' | tail -n 1)

# --- damage ----------------------------------------------------------------------------
file=$(spool | tail -n 1)
printf 'XXXX' | dd of="$file" bs=1 seek=40 conv=notrunc 2>/dev/null
ctl diag show "$id" >"$dir/out" 2>"$dir/err" && grep -q '^damage .*checksum' "$dir/out"
ok $? "damage is told"

# --- deleting --------------------------------------------------------------------------
cluster down --dir "$dir" >"$dir/out" 2>&1
cluster up --nodes 1 --dir "$dir" --driver sim >"$dir/out" 2>&1
has_envelopes 4
ok $? "a restart makes no second envelope"
! ctl diag delete "$id" >"$dir/out" 2>"$dir/err" && grep -q 'yes' "$dir/err"
ok $? "deleting is confirmed"
ctl diag delete "" --yes >"$dir/out" 2>"$dir/err"
[ $? -eq 2 ] && has_envelopes 4
ok $? "an empty id is not all of them"
ctl diag delete "$id" --yes >"$dir/out" 2>"$dir/err" && has_envelopes 3
ok $? "one is deleted"
! ctl diag show "$id" >"$dir/out" 2>"$dir/err"
status=$?
ctl diag show "$id" >/dev/null 2>&1
[ $? -eq 5 ] && [ $status -eq 0 ]
ok $? "and is not found any more"
ctl diag delete --all --yes >"$dir/out" 2>"$dir/err" && has_envelopes 0
ok $? "all are deleted"
! ctl diag send >"$dir/out" 2>"$dir/err" && grep -q 'no address' "$dir/err"
ok $? "without an address nothing is sent"
[ "$(stat -c '%a' "$dir/n1/diag")" = 700 ]
ok $? "nobody else can read them"

finish
