#!/bin/bash
# What a daemon leaves when it dies, has trouble, or is asked to: a file that tells what it did until then.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
export BLIXARDD_FLAGS="--log-snapshot-every 1 --log-sink console --log-sink file"
up 1

files() { ls "$dir"/n1/recorder/crash-*.bxr 2>/dev/null; }
one_file() { [ "$(files | wc -l)" -eq "${1:-1}" ]; }
gone() { ! kill -0 "$1" 2>/dev/null; }
pid_of() { cat "$dir/n1/pid"; }

# die SIGNAL: the daemon gets it while clients write
die()
{
  local pid load
  pid=$(pid_of)
  "$build/blixardctl" bench --clients 8 --count 200000 >/dev/null 2>&1 </dev/null &
  load=$!
  wait_until 20 busy
  kill -"$1" "$pid"
  wait_until 20 gone "$pid"
  kill "$load" 2>/dev/null
  wait "$load" 2>/dev/null
}
busy() { [ "$(ctl vm list -o name 2>/dev/null | wc -l)" -gt 0 ]; }

! files >/dev/null
ok $? "a daemon that runs well leaves no file"

n=0
for signal in SEGV ABRT BUS FPE ILL; do
  n=$((n + 1))
  die "$signal"
  wait_until 10 one_file "$n"
  ok $? "SIG$signal: there is a file"
  file=$(files | tail -n 1)
  ctl log verify "$file" >"$dir/out" 2>"$dir/err" && grep -q '^program   blixardd .*process' "$dir/out" &&
    grep -q '^build id  [0-9a-f]\{40\}$' "$dir/out"
  ok $? "SIG$signal: it is whole, and tells which build wrote it"
  ctl log query "$file" >"$dir/out" 2>"$dir/err" &&
    grep -q " error crash: fatal signal signal=$(kill -l "$signal") .*sender=$$" "$dir/out" &&
    grep -q ' error stack: frame n=[0-9]* object=[a-z.0-9]* offset=0x[0-9a-f]' "$dir/out" &&
    grep -q ' debug \(api\|propose\|request\|state\): ' "$dir/out"
  ok $? "SIG$signal: its events tell the signal, who sent it, the stack, and what was before"
  cluster up --nodes 1 --dir "$dir" --driver sim >"$dir/out" 2>&1
  ok $? "the daemon starts again"
done
[ "$(stat -c '%a' "$dir/n1/recorder" "$file" | tr '\n' ' ')" = '700 600 ' ]
ok $? "nobody else can read it"

ctl log query "$file" --tail 1 -o json >"$dir/out" 2>"$dir/err" &&
  [ "$(wc -l <"$dir/out")" -eq 1 ] && grep -q '^{"time":".*"target":"stack","msg":"object",' "$dir/out"
ok $? "the last event as JSON"
ctl log query "$file" --filter off,crash=error,signal=4 >"$dir/out" 2>"$dir/err" && [ "$(wc -l <"$dir/out")" -eq 1 ]
ok $? "events are selected by target and field"

if command -v python3 >/dev/null; then
  sed -n '/^```python$/,/^```$/{//!p}' "$src/docs/FORMATS.md" >"$dir/reader.py"
  ctl log query "$file" -o json | sed 's/^{"time":"[^"]*\.\([0-9]*\)Z","level":"[a-z]*","target":"\([^"]*\)".*/\1 \2/' >"$dir/ours"
  python3 "$dir/reader.py" "$file" 2>"$dir/err" | sed 's/^[0-9]*\([0-9]\{9\}\) \([^ ]*\) .*/\1 \2/' >"$dir/out"
  [ -s "$dir/out" ] && cmp "$dir/ours" "$dir/out" >>"$dir/err"
  ok $? "a reader that was made from the description reads the same events"
fi

# --- trouble ---------------------------------------------------------------------------
# made REASON KIND: there is such a file of this reason, and it is whole
made()
{
  local file
  for file in "$dir"/n1/recorder/"$2"-*.bxr; do
    ctl log verify "$file" >"$dir/out" 2>"$dir/err" && grep -q "node 1: $1\$" "$dir/out" && return
  done
  return 1
}
wait_until 10 made periodic periodic
ok $? "what the recorder holds is written every second, as asked for"
# slow CALL MICROSECONDS ARGUMENTS: a thread of the daemon waits so long in this system call, once
slow()
{
  strace -qq -o /dev/null -e "trace=$1" -e "inject=$1:delay_enter=$2:when=1" "${@:3}" -p "$(pid_of)" 2>/dev/null &
  tracer=$!
}
writes() { ctl vm create "slow-$((++serial))" --disk 0 --timeout 1s >/dev/null 2>&1; made "$@"; }
serial=0
# Both need the allocator of a normal build, or its speed.
sanitized() { ldd "$build/blixardd" | grep -q 'lib[atu]*san'; }
if sanitized; then
  tests=$((tests + 1))
  echo "ok $tests - slow calls # SKIP built with a sanitizer"
elif ! strace -f -qq -o /dev/null -e trace=fsync true 2>/dev/null; then
  tests=$((tests + 1))
  echo "ok $tests - slow calls # SKIP strace is not installed, or ptrace is not allowed"
else
  slow pwrite64 400000
  wait_until 20 writes "slow apply" trouble
  ok $? "when a command needs long to be applied, a file is written"
  kill "$tracer"
  wait "$tracer" 2>/dev/null
  slow fdatasync 8000000 -f
  wait_until 30 writes "slow disk" trouble
  ok $? "so it is when a write of the log does not complete"
  kill "$tracer"
  wait "$tracer" 2>/dev/null

  # The loop's own thread waits, and nothing of the daemon can ask for a file but the watchdog.
  slow pwrite64 4000000
  wait_until 30 writes "stalled loop" stall
  ok $? "when the loop does not get on, its watchdog writes a file"
  kill "$tracer"
  wait "$tracer" 2>/dev/null
  for stall in "$dir"/n1/recorder/stall-*.bxr; do :; done
  ctl log query "$stall" >"$dir/out" 2>"$dir/err" && grep -q ' error watchdog: the loop is stalled ms=[1-9][0-9][0-9][0-9]' "$dir/out"
  ok $? "it says for how long"

  # An error that ends it.
  pid=$(pid_of)
  strace -f -qq -o /dev/null -e trace=fdatasync -e inject=fdatasync:error=EIO -p "$pid" 2>/dev/null &
  tracer=$!
  ends() { ctl vm create "last-$((++serial))" --disk 0 --timeout 1s >/dev/null 2>&1; gone "$pid"; }
  n=$((n + 1))
  wait_until 20 ends && wait_until 10 one_file "$n"
  ok $? "a daemon that ends because of an error leaves a file, too"
  wait "$tracer" 2>/dev/null
  ended=$(files | tail -n 1)
  ctl log verify "$ended" >"$dir/out" 2>"$dir/err" && grep -q 'fatal error' "$dir/out" &&
    ctl log query "$ended" >"$dir/out" 2>"$dir/err" && grep -q ' error crash: fatal error code=io err="log: ' "$dir/out" &&
    grep -q ' error stack: frame n=3 ' "$dir/out"
  ok $? "it has the error and the stack"
  ctl log query "$(ls "$dir"/n1/recorder/log-*.bxr | tail -n 1)" >"$dir/out" 2>"$dir/err"
  grep -q ' error daemon: fatal error err="log: ' "$dir/out" && grep -q ' error daemon: fatal error err="log: ' "$dir/n1/log" &&
    grep -q '^error: log: ' "$dir/n1/log"
  ok $? "every sink has the error"
  cluster up --nodes 1 --dir "$dir" --driver sim >"$dir/out" 2>&1
  has_error() { grep -qa '"type":"io","value":"log: ' "$dir"/n1/diag/*.event 2>/dev/null; }
  ! grep -q 'define BX_DIAGNOSTICS' "$build/config.h" || wait_until 20 has_error
  ok $? "the next start makes an envelope of it"
fi

# --- a heap that was overwritten -------------------------------------------------------
overwrite_heap() # PID, which may die of it before this ends
{
  local from to
  IFS=' -' read -r from to _ < <(grep '\[heap\]' "/proc/$1/maps")
  head -c $((16#$to - 16#$from)) /dev/zero | tr '\0' '\245' |
    dd of="/proc/$1/mem" bs=4096 seek=$((16#$from / 4096)) iflag=fullblock conv=notrunc 2>/dev/null
}
pid=$(pid_of)
if sanitized; then
  tests=$((tests + 1))
  echo "ok $tests - a heap that was overwritten # SKIP built with a sanitizer"
elif ! : 2>/dev/null <>"/proc/$pid/mem"; then
  tests=$((tests + 1))
  echo "ok $tests - a heap that was overwritten # SKIP the memory of a process can not be written"
else
  overwrite_heap "$pid"
  ctl vm list --timeout 2s >/dev/null 2>&1
  wait_until 20 gone "$pid" && one_file $((n + 1))
  ok $? "a daemon with an overwritten heap ends, and leaves a file"
  broken=$(files | tail -n 1)
  ctl log verify "$broken" >"$dir/out" 2>"$dir/err" && ctl log query "$broken" >"$dir/out" 2>"$dir/err" &&
    grep -q ' error crash: fatal signal ' "$dir/out" && grep -q ' info raft: this node is leader' "$dir/out"
  ok $? "it is whole, and tells what was before"
  cluster up --nodes 1 --dir "$dir" --driver sim >"$dir/out" 2>&1
  has_envelope() { grep -qaF "$(basename "$broken")" "$dir"/n1/diag/*.event 2>/dev/null; }
  ! grep -q 'define BX_DIAGNOSTICS' "$build/config.h" || wait_until 20 has_envelope
  ok $? "the next start makes an envelope of it"
fi

# --- damage ----------------------------------------------------------------------------
head -c $(($(stat -c %s "$file") - 30)) "$file" >"$dir/cut.bxr"
! ctl log verify "$dir/cut.bxr" >"$dir/out" 2>"$dir/err" && grep -q 'damaged\|has no end' "$dir/err"
ok $? "a file that was cut is told"
cp "$file" "$dir/bad.bxr"
printf 'XXXX' | dd of="$dir/bad.bxr" bs=1 seek=40 conv=notrunc 2>/dev/null
! ctl log query "$dir/bad.bxr" >"$dir/out" 2>"$dir/err" && grep -q 'damaged from byte 0 to' "$dir/err" &&
  grep -q 'fatal signal' "$dir/out"
ok $? "damage is told, and the rest is shown"
! ctl log verify "$src/README.md" >"$dir/out" 2>"$dir/err" && grep -q 'not a file of recorded events' "$dir/err"
ok $? "any other file is refused"

finish
