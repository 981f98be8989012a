#!/bin/bash
# Replacing the CA of a cluster that is at work: daemons are killed and down meanwhile, hosts join with
# tokens of before and after, and then the old keys are good for nothing.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
for program in python3 openssl; do
  command -v $program >/dev/null || { echo "1..0 # SKIP needs $program"; exit 0; }
done
base=$((20000 + 10 * (RANDOM % 1000)))
clean()
{
  local k pid
  rm -f "$dir/writing"
  for k in "$dir"/*.pid; do
    pid=$(cat "$k" 2>/dev/null) && kill -9 "$pid" 2>/dev/null
  done
  wait
  rm -rf "$dir"
}
trap clean EXIT

at() { ctl --addr "unix:$dir/h$1.sock" "${@:2}" >"$dir/out" 2>"$dir/err"; } # HOST COMMAND...
answers() { at "$1" version && grep -q '^blixardd' "$dir/out"; }
run()
{
  "$build/blixardd" --data "$dir/h$1" --name "h$1" --listen "127.0.0.1:$((base + $1))" --driver sim --api none \
    --socket "$dir/h$1.sock" >>"$dir/h$1.log" 2>&1 &
  echo $! >"$dir/h$1.pid"
}
start() { run "$1" && wait_until 20 answers "$1"; }
end() # HOST SIGNAL
{
  local pid
  pid=$(cat "$dir/h$1.pid")
  kill "-$2" "$pid"
  wait "$pid" 2>/dev/null
  rm "$dir/h$1.pid"
}
token() { ctl --addr "unix:$dir/h1.sock" cluster token create 2>/dev/null; }
status() { ctl --addr "unix:$dir/h1.sock" --timeout 2s cluster ca status -o json 2>"$dir/err"; }
rotating() { status | grep -q '"rotating": true'; }
is_over() { status | grep -q '"rotating": false'; }
waits_for() { [ "$(status | field waits_for)" = "$1" ]; }
generation() { status | field generation; } # of the oldest one
members_are() { [ "$(ctl --addr "unix:$dir/h1.sock" cluster members -o json 2>/dev/null | grep -cE '"role": "(voter|leader)"')" -eq "$1" ]; }
connected() # HOSTS: all members of h1 are connected with it
{
  [ "$(ctl --addr "unix:$dir/h1.sock" cluster members -o json 2>/dev/null | grep -c '"connected": true')" -eq "$1" ]
}
logged() { grep -q "$2" "$dir/h$1.log"; }

start 1 && at 1 cluster init
ok $? "a cluster begins"
start 2 && at 2 cluster join "$(token)" && start 3 && at 3 cluster join "$(token)" && wait_until 30 members_are 3
ok $? "two hosts join"

# --- what somebody has who has read a disk before ---------------------------------------------
# The sealed key of the newest CA in the state of h1 goes to a file.
seal_of() # FILE
{
  python3 - "$dir/h1/state.db" "$1" <<'PYTHON'
import sqlite3, struct, sys
row = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True).execute(
    "SELECT data FROM cas ORDER BY generation DESC").fetchone()[0]
row = row[row.index(struct.pack("<H", 205)) - 4:] if row[:2] == b"\xbd\x58" else row
at, n = struct.unpack_from("<II", row, 24)
open(sys.argv[2], "wb").write(row[at:at + n])
PYTHON
}
forge() # WITH-CLUSTER-KEY WITH-CA SEALED
{
  mkdir -p "$dir/made"
  "$build/tests/integration/hostile_certs" "$dir/made" "$(ctl --addr "unix:$dir/h1.sock" cluster status -o json | field cluster)" \
    "$1" "$2" "$3" "$(date +%s%3N)" >"$dir/out" 2>"$dir/err"
}
cp -a "$dir/h3/keys" "$dir/stolen"
seal_of "$dir/sealed" && forge "$dir/stolen/cluster.key" "$dir/stolen/ca.crt" "$dir/sealed"
ok $? "with the key of the cluster and its state, anybody is certified"
shake() # what TLS says to the certificate that was made
{
  timeout 3 openssl s_client -connect "127.0.0.1:$((base + 1))" -tls1_3 -alpn blixard/1 \
    -cert "$dir/made/stolen.crt" -certform DER -key "$dir/made/stolen.key" -keyform DER -ign_eof </dev/null >"$dir/out" 2>&1
}
shake
! grep -q "unknown ca" "$dir/out" && grep -q "TLSv1.3" "$dir/out"
ok $? "and believed"

# --- at work ----------------------------------------------------------------------------------
: >"$dir/made-vms"
touch "$dir/writing"
writer()
{
  local n=0
  while [ -e "$dir/writing" ]; do
    n=$((n + 1))
    BLIXARD_ADDR="unix:$dir/h1.sock,unix:$dir/h2.sock,unix:$dir/h3.sock" \
      ctl --timeout 5s vm create "vm-$n" --disk 0 >/dev/null 2>&1 && echo "vm-$n" >>"$dir/made-vms"
  done
}
writer &
writing=$!
made() { wc -l <"$dir/made-vms"; }
goes_on() { local from; from=$(made); more() { [ "$(made)" -gt $((from + 2)) ]; }; wait_until 30 more; }
goes_on
ok $? "virtual machines are created"
before=$(token)
unused=$(token)

# --- a node is down -----------------------------------------------------------------------------
end 3 KILL
at 2 cluster ca rotate --no-wait
ok $? "the replacement of the CA begins while a node is down"
wait_until 30 waits_for h3
ok $? "and waits for it"
! at 1 cluster ca rotate --no-wait && grep -q 'node "h3" is waited for' "$dir/err"
ok $? "a second one is refused, and told for whom the first one waits"
[ "$(status | grep -c '"fingerprint"')" -eq 2 ] && status | grep -q '"state": "spreads"'
ok $? "two CAs are trusted"
start 4 && at 4 cluster join "$before" && wait_until 30 members_are 4
ok $? "a host joins with a token of before"
start 5 && at 5 cluster join "$(token)" && wait_until 30 members_are 5
ok $? "and one with a token that names the new CA"
rotating && goes_on
ok $? "virtual machines are created meanwhile"

# --- it comes back, and another one is killed amid it ----------------------------------------------
run 3
runs_on() { [ "$(wc -c <"$dir/h2/keys/cluster.key")" -eq 64 ]; }
wait_until 10 runs_on
end 2 KILL
start 2
wait_until 60 is_over
ok $? "the node comes back, another one is killed and comes back: it is over"
[ "$(generation)" -eq 2 ] && [ "$(status | grep -c '"fingerprint"')" -eq 1 ]
ok $? "only the new CA is trusted"
follow() { local k; for k in 1 2 3 4 5; do [ "$(wc -c <"$dir/h$k/keys/cluster.key")" -eq 32 ] && cmp -s "$dir/h$k/keys/cluster.key" "$dir/h1/keys/cluster.key" && cmp -s "$dir/h$k/keys/ca.crt" "$dir/h1/keys/ca.crt" || return 1; done; }
wait_until 30 follow && ! cmp -s "$dir/stolen/cluster.key" "$dir/h1/keys/cluster.key"
ok $? "all have the new key of the cluster, and no other"
wait_until 30 connected 5 && goes_on
ok $? "all are connected, and it goes on"

# --- the old keys ---------------------------------------------------------------------------------
shake
grep -q "unknown ca" "$dir/out"
ok $? "a certificate by the old CA is refused"
logged 1 "certificate not signed by the cluster's CA"
ok $? "and the log says why"
seal_of "$dir/sealed" && ! forge "$dir/stolen/cluster.key" "$dir/h1/keys/ca.crt" "$dir/sealed"
ok $? "the old key of the cluster does not open the key of the new CA"
! at 1 cluster token list -o json || ! grep -q '"id"' "$dir/out"
ok $? "tokens of the old CA are gone"
start 6
! at 6 cluster join "$unused" && ! members_are 6
ok $? "and admit nobody"
at 6 cluster join "$(token)" && wait_until 30 members_are 6
ok $? "a token of now does"
hidden()
{
  python3 - "$dir" <<'PYTHON'
import glob, os, sys
key = open(f"{sys.argv[1]}/h1/keys/cluster.key", "rb").read()
seen = [p for p in glob.glob(f"{sys.argv[1]}/h*/**", recursive=True)
        if os.path.isfile(p) and "/keys/" not in p and (key in open(p, "rb").read() or key.hex().encode() in open(p, "rb").read())]
print(seen)
sys.exit(bool(seen))
PYTHON
}
hidden >"$dir/out" 2>"$dir/err"
ok $? "the key of the cluster is in no log, state or record"

# --- a voter that was removed ------------------------------------------------------------------------
end 6 KILL
gone() { at 1 node remove h6 --confirm-dead --yes; }
wait_until 60 gone
ok $? "a voter is removed, which keeps its disk"
at 1 cluster ca rotate --timeout 60s && grep -q " 3 " "$dir/out"
ok $? "the CA is replaced once more, and the command waits for the end"
is_over && [ "$(generation)" -eq 3 ]
ok $? "which it is"
wait_until 30 connected 5
lines=$(wc -l <"$dir/h6.log")
run 6
told() { tail -n "+$lines" "$dir/h6.log" | grep -q "certificate not signed by the cluster's CA"; }
wait_until 30 told
ok $? "the removed voter is not believed"
[ "$(ctl --addr "unix:$dir/h1.sock" node list -o name | grep -c h6)" -eq 0 ] && at 6 --timeout 2s cluster status -o json && grep -q '"quorum": false' "$dir/out"
ok $? "and is alone"

# --- nothing is lost ------------------------------------------------------------------------------
rm "$dir/writing"
wait "$writing"
ctl --addr "unix:$dir/h1.sock" vm list -o name >"$dir/there" 2>"$dir/err"
[ "$(made)" -gt 10 ] && [ "$(sort "$dir/made-vms" | comm -23 - <(sort "$dir/there") | wc -l)" -eq 0 ]
ok $? "every virtual machine that was acknowledged is there"
! grep -l "Sanitizer\|assertion" "$dir"/*.log
ok $? "no daemon has complained"
finish
