#!/bin/bash
# Where a daemon logs, and that no secret gets there; filters of a running node, asked of another one.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
port=$((20000 + RANDOM % 10000))
collector=
if command -v python3 >/dev/null; then
  python3 - "$port" "$dir/net" <<'P' >/dev/null 2>&1 &
import socket, sys, threading
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(8)
out = open(sys.argv[2], "ab", buffering=0)
def serve(c):
    rest = b""
    while True:
        part = c.recv(65536)
        if not part:
            return
        whole, mark, rest = (rest + part).rpartition(b"\n")
        out.write(whole + mark)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
P
  collector=$!
  trap 'kill "$collector" 2>/dev/null; cleanup' EXIT
fi
export BLIXARDD_FLAGS="--log trace --log-sink console:json --log-sink file --log-sink net:127.0.0.1:$port"
up 3

logs() { ls "$dir/n$1"/recorder/log-*.bxr 2>/dev/null; }
level() { ctl log level "$@" >"$dir/out" 2>"$dir/err"; }
gone() { ! kill -0 "$1" 2>/dev/null; }

# --- sinks -----------------------------------------------------------------------------
head -n 1 "$dir/n1/log" | grep -q '^{"time":"20.*"level":"info","target":".*"}$'
ok $? "standard error has JSON"
written() { [ -n "$(logs "$1")" ] && ctl log query "$(logs "$1")" 2>/dev/null | grep -q ' info '; }
wait_until 10 written 1
ok $? "a file has events, and can be read while it is written"
if [ -n "$collector" ]; then
  sent() { grep -q '^{"host":"n2","time":"20.*"level":"info"' "$dir/net" 2>/dev/null; }
  wait_until 20 sent
  ok $? "a collector gets lines of each node"
fi

# --- what is gone from memory ----------------------------------------------------------
ctl --addr "$(socket 2)" vm create before --no-start >/dev/null 2>&1
logged() { ctl log query "$(logs 2 | tail -n 1)" 2>/dev/null | grep -q "raft: "; }
wait_until 10 logged
cluster kill-node n2 --dir "$dir" >/dev/null 2>&1
cluster start-node n2 --dir "$dir" >/dev/null 2>&1
of_files() { ctl log query "$(logs 2 | head -n 1)" -o json 2>/dev/null | cut -d, -f1 | LC_ALL=C sort >"$dir/old"; [ -s "$dir/old" ]; }
of_files
again() { ctl log query --node n2 --since 1h -o json >"$dir/out" 2>"$dir/err"; }
wait_until 20 again
cut -d, -f1 "$dir/out" >"$dir/all"
LC_ALL=C sort -c "$dir/all" && LC_ALL=C sort -u "$dir/all" | comm -13 - "$dir/old" >"$dir/missing" && [ ! -s "$dir/missing" ]
ok $? "events from before a restart are found in the node's files, in the order of time"
[ -z "$(cut -d'}' -f1 "$dir/out" | sort | uniq -d)" ]
ok $? "and no event twice"

# --- levels ----------------------------------------------------------------------------
level && grep -q '^node n1: .* events recorded, ' "$dir/out" && grep -q '^console  *trace  *ok ' "$dir/out" &&
  grep -q '^file  *trace  *ok ' "$dir/out"
ok $? "the filters and counters of a node"
level info,node=debug --node n2 && grep -q '^node n2: ' "$dir/out" && grep -q '^console  *info,node=debug ' "$dir/out"
ok $? "those of another node are changed"
level && grep -q '^console  *trace ' "$dir/out"
ok $? "and ours are not"
level warning --sink file && grep -q '^file  *warning ' "$dir/out" && grep -q '^net  *trace ' "$dir/out"
ok $? "one sink has another filter"
level info && grep -q '^file  *warning ' "$dir/out" && grep -q '^net  *info ' "$dir/out"
ok $? "and keeps it when the others change"
level -o json --node n2 && grep -q '"node": "n2"' "$dir/out" && grep -q '"dropped": 0' "$dir/out"
ok $? "as JSON"
rc=0
level nonsense || rc=$?
[ $rc -eq 2 ] && grep -q 'unknown log level "nonsense"' "$dir/err"
ok $? "what is no filter is refused"
for typed in info,raf=debug info,raft=debgu info,nothing=1; do
  rc=0
  level "$typed" || rc=$?
  [ $rc -eq 2 ] && grep -q '^hint: ' "$dir/err"
  ok $? "so is $typed, which would select nothing"
done
level -o csv && grep -qx 'console,info,ok,[0-9,]*' "$dir/out" && level -o name && grep -qx console "$dir/out"
ok $? "as CSV, and names"
rc=0
level info --sink nobody || rc=$?
[ $rc -eq 5 ] && grep -q '^hint: sinks: ring, console, file, net$' "$dir/err"
ok $? "so is a sink that is not there, and those that are get named"
rc=0
level --node n7 || rc=$?
[ $rc -eq 5 ]
ok $? "and a node that is not there"

# --- secrets ---------------------------------------------------------------------------
level trace && level trace --sink file && level trace --sink ring && level trace --node n2 && level trace --node n3
ok $? "everything is logged"
token=$(ctl cluster token create)
secret=$(cut -d. -f2 <<<"$token")
[ "${#secret}" -ge 32 ]
ok $? "a token has a secret"
ctl --addr "$(socket 2)" cluster join "$token" >/dev/null 2>&1
ctl cluster join "blx1.$secret" >/dev/null 2>&1
ctl cluster token list >/dev/null 2>&1
cluster stop-node n3 --dir "$dir" >/dev/null 2>&1
removed() { ctl node remove n3 --confirm-dead >/dev/null 2>&1; }
wait_until 30 removed
"$build/blixardd" --data "$dir/n3" --forget-cluster >/dev/null 2>&1
cluster start-node n3 --dir "$dir" >/dev/null 2>&1
ctl --addr "$(socket 3)" cluster join "$token" >"$dir/out" 2>"$dir/err"
ok $? "a host joins with it"
ctl vm create marked --no-start >/dev/null 2>&1
for k in 1 3; do
  pid=$(cat "$dir/n$k/pid")
  kill -SEGV "$pid"
  wait_until 20 gone "$pid"
done
for f in "$dir"/n?/recorder/*.bxr; do
  ctl log query "$f" -o json 2>/dev/null
done >"$dir/events"
grep -q '"target":"crash"' "$dir/events" && [ "$(wc -l <"$dir/events")" -gt 20 ]
ok $? "files and snapshots have events"
hash=$(printf %b "$(sed 's|..|\\x&|g' <<<"$secret")" | sha256sum | cut -c1-32)
! cat "$dir"/n?/log "$dir/net" "$dir/events" 2>/dev/null | grep -iqE "$secret|${secret:0:16}|$hash"
ok $? "no sink and no snapshot has the secret, or what proves it"
found=0
for f in "$dir"/n?/log "$dir"/n?/recorder/* "$dir/net"; do
  [ ! -f "$f" ] || ! grep -aqF "$secret" "$f" || found=1
done
ok $found "nor do the bytes of the files"

unset BLIXARDD_FLAGS
finish
