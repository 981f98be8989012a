#!/bin/bash
# Secrets that are planted in a cluster of three are in nothing that the daemons write, tell or show of themselves: not
# in logs, state, snapshots, recorded events, crash files and envelopes, not in answers, not in /proc.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
unset BLIXARD_TOKEN BLIXARD_TOKEN_FILE
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
  echo "1..0 # SKIP python3 is missing or old"
  exit 0
fi
BLIXARDD_FLAGS="--log trace --snapshot-bytes 1048576 --ballast none"
export BLIXARDD_FLAGS
up 3
secrets=$dir/planted
seen=$dir/seen
mkdir "$secrets" "$seen" "$dir/home"
chmod 700 "$secrets"
HOME=$dir/home
export HOME

quietly() { "$@" >>"$dir/out" 2>>"$dir/err"; }
as() { ctl --token-file "$secrets/$1.token" "${@:2}"; }

# --- planting ---------------------------------------------------------------------------
# A text that nobody protects shows that the hunt would find what there is.
canary=canary-$RANDOM-$RANDOM-$RANDOM-0123456789
printf %s "$canary" >"$secrets/canary.text"
encoded=$(printf %s "$canary" | base64 -w 0)
hex=$(printf %s "$canary" | od -An -v -tx1 | tr -d ' \n')
quietly ctl tenant create acme
for user in "boss --role admin" "otto --role operator --tenant acme" "gone --role viewer" "brief --role viewer"; do
  # shellcheck disable=SC2086 # the flags are words
  quietly ctl user create $user
done
for user in boss otto gone; do quietly ctl user token create "$user" --out "$secrets/$user.token"; done
quietly ctl user token create brief --ttl 1s --out "$secrets/brief.token"
[ "$(cat "$secrets"/*.token | grep -cxE 'blx_[A-Za-z0-9_-]{43}')" -eq 4 ]
ok $? "tokens of users are planted"
ctl cluster token create >"$secrets/unused.join" 2>"$dir/err" && ctl cluster token create >"$secrets/revoked.join" 2>"$dir/err"
ok $? "and tokens for joining"
for k in 1 2 3; do
  cp "$dir/n$k/keys/node.key" "$secrets/n$k.key" && cp "$dir/n$k/keys/cluster.key" "$secrets/cluster$k.key" || break
done
ok $? "and the keys of the nodes and of the cluster are known"
printf 'blx_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8' >"$secrets/wrong.token"
printf 'blx_BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8' >"$secrets/late.token"
chmod 600 "$secrets"/*

# --- using ------------------------------------------------------------------------------
ctl vm create canary --disk 0 --no-start --metadata "raw=$canary" --metadata "hex=$hex" --metadata "b=$encoded" \
  >"$dir/out" 2>"$dir/err"
ok $? "a VM carries what is not secret"
for k in 1 2 3; do
  for user in boss otto gone wrong late; do quietly as "$user" --addr "$(socket "$k")" --timeout 2s vm list; done
  quietly as boss --addr "$(socket "$k")" user list
  quietly as otto --addr "$(socket "$k")" vm create "otto$k" --disk 0
  quietly as boss --addr "$(socket "$k")" cluster join "$(cat "$secrets/unused.join")"
done
quietly as boss cluster token revoke "$(ctl cluster token list -o name 2>/dev/null | tail -n 1)"
quietly ctl user delete gone --yes
quietly as gone vm list
quietly as brief vm list
for k in 1 2 3; do quietly ctl --addr "$(socket "$k")" log snapshot; done
ctl bench --count 2000 --clients 4 --prefix bulk >"$dir/out" 2>"$dir/err"
ok $? "so much happens that snapshots are taken"
pid=$(cat "$dir/n3/pid")
grep -q '^Max core file size  *0 ' "/proc/$pid/limits"
ok $? "it would leave no core file"
kill -SEGV "$pid"
died() { [ ! -e "/proc/$pid" ]; }
wait_until 60 died
quietly cluster start-node n3 --dir "$dir"
back() { [ -n "$(status_of 3)" ] && agree 1 2 3; }
wait_until 60 back
ok $? "one has died and is back"
snapshots() { compgen -G "$dir/n1/snapshot-*" >/dev/null; }
wait_until 60 snapshots
ok $? "there is a snapshot"

# --- the command line -------------------------------------------------------------------
as boss --timeout 60s events --follow >"$seen/followed" 2>&1 &
follower=$!
# A host that does not answer: the socket is there, and nobody accepts.
python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(8); time.sleep(120)' "$dir/deaf" &
deaf=$!
wait_until 20 test -S "$dir/deaf"
"$build/blixardctl" --addr "unix:$dir/deaf" --timeout 60s cluster join "$(cat "$secrets/unused.join")" >"$seen/join" 2>&1 &
joiner=$!
hidden() { tr '\0' ' ' <"/proc/$joiner/cmdline" | grep -q 'join \*\*\*'; }
wait_until 20 hidden
ok $? "a token for joining is on no command line for long"
following() { [ -s "$seen/followed" ]; }
wait_until 20 following
ok $? "while one follows the events"
processes=0
for pid in "$joiner" "$follower" $(cat "$dir"/n[123]/pid); do
  for file in cmdline environ; do cat "/proc/$pid/$file" >"$seen/$pid.$file" 2>/dev/null && processes=$((processes + 1)); done
done
[ "$processes" -ge 10 ]
ok $? "processes are seen"
kill "$joiner" "$follower" "$deaf" 2>/dev/null
wait "$joiner" "$follower" "$deaf" 2>/dev/null

# --- what is shown ----------------------------------------------------------------------
for k in 1 2 3; do quietly ctl --addr "$(socket "$k")" log snapshot; done
for command in "vm list -o json" "events -o json" "user list -o json" "user token list boss -o json" "node list -o json" \
  "cluster status -o json" "cluster token list -o json" "tenant list -o json" "mem stats -o json" "diag list -o json" "doctor"; do
  # shellcheck disable=SC2086 # words of a command
  ctl $command >"$seen/${command//[ \/]/-}" 2>&1
done
for table in vms nodes tenants users user_tokens tokens cas cluster outcomes events meta sqlite_schema; do
  ctl sql "SELECT * FROM $table" >"$seen/sql-$table" 2>&1
done
for table in users user_tokens tokens cas outcomes meta; do
  grep -q 'permission denied' "$seen/sql-$table"
  ok $? "SQL does not show $table"
done
ctl log query "$dir"/n[123]/recorder/*.bxr >"$seen/recorded" 2>"$dir/err"
grep -q 'wrong token' "$seen/recorded"
ok $? "what was recorded is read"
for id in $(ctl diag list -o name 2>/dev/null); do ctl diag show "$id" >"$seen/diag-$id" 2>&1; done

# --- the hunt ---------------------------------------------------------------------------
found=$dir/found
python3 "$src/tests/integration/secret_hunt.py" "$secrets" "$dir"/n[123] "$dir/up.log" "$seen" >"$found" 2>"$dir/err"
ok $? "everything is searched"
sed 's/^/# /' "$dir/err"
for form in raw hex base64; do
  grep -q "^canary.text $form .*/state.db" "$found"
  ok $? "what is not secret is found in the state as $form"
done
grep -q "^canary.text raw .*/wal-" "$found"
ok $? "and in the log"
grep -q "^canary.text raw .*/snapshot-" "$found"
ok $? "and in a snapshot, which is packed"
grep -q "^canary.text raw $seen/" "$found"
ok $? "and in answers"
grep -v '^canary.text ' "$found" >"$dir/out"
[ ! -s "$dir/out" ]
ok $? "no secret is found anywhere"
finish
