#!/bin/bash
# A daemon that is killed while clients write leaves a whole file whose last events are from just before,
# every time, and the next start makes an envelope of it; also when its disk is full. BLIXARD_CRASHES tells
# how often (10), BLIXARD_CRASH_AGE how old the last events may be, in ms (10000: more than the 10 of a quiet
# host, whose disk and processors are at its service).
# The disk needs root.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
times=${BLIXARD_CRASHES:-10}
most=${BLIXARD_CRASH_AGE:-10000}
load=
mounted=

unmount()
{
  [ -z "$load" ] || kill "$load" 2>/dev/null
  cluster down --dir "$dir" >/dev/null 2>&1
  [ -z "$mounted" ] || umount "$dir/n1" || umount -l "$dir/n1"
  rm -rf "$dir"
}
trap unmount EXIT

newest() { ls "$dir"/n1/recorder/crash-*.bxr 2>/dev/null | tail -n 1; }
gone() { ! kill -0 "$1" 2>/dev/null; }
# Nanoseconds within a day of the first event of a file that passes the filter (first), or the last. A file
# has the events of one thread after those of another.
time_of() # head|tail FILTER FILE
{
  ctl log query "$3" --filter "$2" -o json 2>>"$dir/err" | LC_ALL=C sort | "$1" -n 1 |
    sed -n 's/^{"time":"[^"]*T\([0-9]*\):\([0-9]*\):\([0-9]*\)\.\([0-9]*\)Z.*/((10#\1 * 60 + 10#\2) * 60 + 10#\3) * 1000000000 + 10#\4/p'
}
start_load()
{
  "$build/blixardctl" bench --clients 8 --count 100000 >/dev/null 2>&1 </dev/null &
  load=$!
  wait_until 20 busy
}
busy() { [ "$(status_of 1 | field revision)" -gt "$before" ]; }

envelope() { ls "$dir"/n1/diag/*.event 2>/dev/null | tail -n 1; }
new_envelope() { [ -n "$(envelope)" ] && [ "$(envelope)" != "$told" ]; }
# The envelope of this file, with what the requests had done that were in flight: between two batches
# there may be none.
check_envelope()
{
  local id
  wait_until 20 new_envelope || { echo "no envelope"; return; }
  told=$(envelope)
  id=${told##*-}
  ctl diag show "${id%.event}" >"$dir/out" 2>"$dir/err" || echo "the envelope can not be read"
  grep -q "^attachment *$(basename "$1")" "$dir/out" || echo "the envelope is of another file"
  ctl diag show "${id%.event}" -o json 2>"$dir/err" | grep -q '\\"requests_in_flight\\":\\"[1-9]' || return
  in_flight=$((in_flight + 1))
  grep -q ' request *began *vm\.create ' "$dir/out" || echo "the envelope has no breadcrumbs"
}

# The daemon dies while clients write, and is started again. What is wrong with the file, or the
# envelope, is printed.
crash_once()
{
  local pid file at last
  before=$(($(status_of 1 | field revision) + 200))
  pid=$(cat "$dir/n1/pid")
  start_load || echo "no load"
  kill -SEGV "$pid"
  wait_until 20 gone "$pid" || echo "it hangs"
  kill "$load" 2>/dev/null
  wait "$load" 2>/dev/null
  load=
  file=$(newest)
  [ -n "$file" ] && [ "$file" != "$seen" ] || { echo "no file"; return; }
  seen=$file
  ctl log verify "$file" >"$dir/out" 2>"$dir/err" || echo "not accepted: $(cat "$dir/err")"
  at=$(time_of head off,crash=error "$file")
  last=$(time_of tail trace,crash=off,stack=off "$file")
  age=$(((${at:-0}) - (${last:-0})))
  [ -n "$at" ] && [ -n "$last" ] && [ "$age" -lt $((most * 1000000)) ] || echo "its last event is $age ns older"
  [ "$age" -le "$oldest" ] || oldest=$age
  cluster up --nodes 1 --dir "$dir" --driver sim >"$dir/up.log" 2>&1 || echo "no start"
  [ -n "$without_diag" ] || check_envelope "$file"
}

mkdir "$dir/n1"
[ "$(id -u)" -ne 0 ] || ! mount -t tmpfs -o size=512m,mode=711 tmpfs "$dir/n1" 2>/dev/null || mounted=yes
up 1
seen=
told=
in_flight=0
without_diag=
grep -q 'define BX_DIAGNOSTICS' "$build/config.h" || without_diag=yes
oldest=0
wrong=
for ((i = 1; i <= times; i++)); do
  crash_once >"$dir/wrong"
  [ ! -s "$dir/wrong" ] || wrong="$wrong$i: $(cat "$dir/wrong")"$'\n'
done
printf %s "$wrong" >"$dir/err"
[ -z "$wrong" ]
ok $? "killed $times times under load: each file is whole, its last events are from just before, and it has its envelope"
[ -n "$without_diag" ] || [ "$in_flight" -gt 0 ]
ok $? "so have the requests that were in flight their breadcrumbs"
echo "# the oldest of the last events was $((oldest / 1000)) us older than the crash"

# The frames of the program, as addr2line tells them. The signal may meet a library that keeps no frame
# pointers, where the way back is lost, but not every time.
functions()
{
  ctl log query "$1" --filter off,stack=error,object=blixardd 2>>"$dir/err" |
    sed -n 's/.* frame n=.* offset=\(0x[0-9a-f]*\)$/\1/p' | addr2line -f -e "$build/blixardd" 2>>"$dir/err"
}
for file in "$dir"/n1/recorder/crash-*.bxr; do functions "$file"; done >"$dir/out"
grep -qx main "$dir/out"
ok $? "addr2line finds the functions of the call stack"

# --- a full disk -----------------------------------------------------------------------
full() { ! head -c 4096 /dev/zero >>"$dir/n1/fill" 2>/dev/null; }
if [ -z "$mounted" ]; then
  tests=$((tests + 1))
  echo "ok $tests - a full disk # SKIP a small file system can not be mounted"
else
  head -c 1G /dev/zero >"$dir/n1/fill" 2>/dev/null
  wait_until 10 full
  pid=$(cat "$dir/n1/pid")
  kill -SEGV "$pid"
  wait_until 20 gone "$pid" && [ "$(newest)" != "$seen" ] && ctl log verify "$(newest)" >"$dir/out" 2>"$dir/err" &&
    ctl log query "$(newest)" >"$dir/out" 2>"$dir/err" && grep -q ' error crash: fatal signal signal=11' "$dir/out" &&
    grep -q ' info ' "$dir/out"
  ok $? "on a full disk the file is whole, too"
  file=$(newest)
  rm "$dir/n1/fill"
  cluster up --nodes 1 --dir "$dir" --driver sim >"$dir/up.log" 2>&1
  : >"$dir/wrong"
  [ -n "$without_diag" ] || check_envelope "$file" >"$dir/wrong"
  [ ! -s "$dir/wrong" ]
  ok $? "and with room again it has its envelope"
fi
finish
