#!/bin/bash
# What a daemon leaves when it dies: a file that tells what it did until then.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
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
for signal in SEGV ABRT BUS; do
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
    grep -q ' error stack: frame n=3 object=[a-z.0-9]* offset=0x[0-9a-f]' "$dir/out" &&
    grep -q ' info raft: this node is leader' "$dir/out"
  ok $? "SIG$signal: its events tell the signal, who sent it, the stack, and what was before"
  cluster up --nodes 1 --dir "$dir" --driver sim >"$dir/out" 2>&1
  ok $? "the daemon starts again"
done
[ "$(stat -c '%a' "$dir/n1/recorder" "$file" | tr '\n' ' ')" = '700 600 ' ]
ok $? "nobody else can read it"

ctl log query "$file" --tail 1 -o json >"$dir/out" 2>"$dir/err" &&
  [ "$(wc -l <"$dir/out")" -eq 1 ] && grep -q '^{"time":".*"target":"stack","msg":"object",' "$dir/out"
ok $? "the last event as JSON"
ctl log query "$file" --filter off,crash=error,signal=7 >"$dir/out" 2>"$dir/err" && [ "$(wc -l <"$dir/out")" -eq 1 ]
ok $? "events are selected by target and field"

if command -v python3 >/dev/null; then
  sed -n '/^```python$/,/^```$/{//!p}' "$src/docs/FORMATS.md" >"$dir/reader.py"
  ctl log query "$file" -o json | sed 's/^{"time":"[^"]*\.\([0-9]*\)Z","level":"[a-z]*","target":"\([^"]*\)".*/\1 \2/' >"$dir/ours"
  python3 "$dir/reader.py" "$file" 2>"$dir/err" | sed 's/^[0-9]*\([0-9]\{9\}\) \([^ ]*\) .*/\1 \2/' >"$dir/out"
  [ -s "$dir/out" ] && cmp "$dir/ours" "$dir/out" >>"$dir/err"
  ok $? "a reader that was made from the description reads the same events"
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
