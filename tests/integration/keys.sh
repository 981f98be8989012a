#!/bin/bash
# The directory of keys, when something goes wrong with it: the daemon is killed amid an init or a
# join, the disk is full, the keys are those of another node, the host leaves and comes back.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
mounted=
base=$((20000 + 10 * (RANDOM % 1000)))
clean()
{
  local k pid
  for k in "$dir"/*.pid; do
    pid=$(cat "$k" 2>/dev/null) && kill -9 "$pid" 2>/dev/null
  done
  wait
  [ -z "$mounted" ] || umount "$dir/full" || umount -l "$dir/full"
  rm -rf "$dir"
}
trap clean EXIT

at() { ctl --addr "unix:$dir/$1.sock" "${@:2}" >"$dir/out" 2>"$dir/err"; } # HOST COMMAND...
answers() { at "$1" version && grep -q '^blixardd' "$dir/out"; }
start() # HOST NUMBER [IP]
{
  "$build/blixardd" --data "$dir/$1" --name "$1" --listen "${3:-127.0.0.1}:$((base + $2))" --driver sim --api none \
    --socket "$dir/$1.sock" >>"$dir/$1.log" 2>&1 &
  echo $! >"$dir/$1.pid"
  wait_until 20 answers "$1"
}
end() # HOST SIGNAL
{
  local pid
  pid=$(cat "$dir/$1.pid")
  kill "-$2" "$pid"
  wait "$pid" 2>/dev/null
  rm "$dir/$1.pid"
}
token() { ctl --addr "unix:$dir/h1.sock" cluster token create 2>/dev/null; }
takes_tokens() { at "$1" cluster token create; }
members() { ctl --addr "unix:$dir/h1.sock" cluster members -o json 2>/dev/null | grep -cE '"role": "(voter|leader)"'; }
members_are() { [ "$(members)" -eq "$1" ]; }

# --- init ---------------------------------------------------------------------------------
start h1 1
cp "$dir/h1/identity" "$dir/before"
at h1 cluster init &
init=$!
while cmp -s "$dir/before" "$dir/h1/identity"; do
  kill -0 "$init" 2>/dev/null || break
done
end h1 KILL
wait "$init"
start h1 1 && wait_until 30 takes_tokens h1
ok $? "killed as soon as it has an identity, a founder creates its cluster at the next start"
[ ! -e "$dir/h1/keys/ca.key" ]
ok $? "the key of the CA is in the state alone"

# What there is of the files when the daemon is killed before the identity is saved.
files="node.key ca.crt cluster.key ca.key node.crt"
left()
{
  local f n=0
  mkdir -p "$dir/$1/keys"
  chmod 700 "$dir/$1" "$dir/$1/keys"
  for f in $files; do
    [ $n -lt "$2" ] && cp "$dir/h1/keys/${f/ca.key/cluster.key}" "$dir/$1/keys/$f"
    n=$((n + 1))
    [ $n -ne $(($2 + 1)) ] || (umask 077 && head -c 100 /dev/urandom >"$dir/$1/keys/$f.tmp")
  done
}
rc=0
for n in 1 2 3 4 5; do
  left "i$n" "$n"
  start "i$n" 3 && wait_until 10 answers "i$n" && at "i$n" cluster init || rc=$?
  [ $rc -ne 0 ] || end "i$n" TERM
  ! ls "$dir/i$n/keys/"*.tmp >/dev/null 2>&1 || rc=1
done
ok $rc "what is left of an init that was killed is in no init's way"
start i5 3 && wait_until 30 takes_tokens i5
ok $? "it can be started again"
end i5 TERM

# --- join ---------------------------------------------------------------------------------
left h2 5
start h2 2 && at h2 cluster join "$(token)" && wait_until 30 members_are 2
ok $? "nor in the way of a join"

start h3 3
cp "$dir/h3/identity" "$dir/before"
at h3 cluster join "$(token)" &
join=$!
until [ -e "$dir/h3/keys/node.crt" ]; do
  kill -0 "$join" 2>/dev/null || break
done
end h3 KILL
wait "$join"
became=no
cmp -s "$dir/before" "$dir/h3/identity" || became=yes
start h3 3
joined()
{
  [ $became = no ] || return 0
  at h3 cluster join "$(token)" && return 0
  at h1 node remove h3 --confirm-dead --yes
  return 1
}
wait_until 60 joined && wait_until 60 members_are 3
ok $? "killed amid a join (a member then: $became), a host becomes one"

# --- the keys of another node ---------------------------------------------------------------
end h2 TERM
mv "$dir/h2/keys" "$dir/keys2"
cp -a "$dir/h3/keys" "$dir/h2/keys"
! "$build/blixardd" --data "$dir/h2" --name h2 --listen "127.0.0.1:$((base + 2))" --driver sim --api none \
  --socket "$dir/h2.sock" >"$dir/out" 2>"$dir/err" </dev/null
ok $? "with the keys of another node a daemon does not start"
grep -q "node.crt is not the certificate of node 2 of this cluster" "$dir/out" "$dir/err"
ok $? "and says so"
rm -rf "$dir/h2/keys"
! "$build/blixardd" --data "$dir/h2" --name h2 --listen "127.0.0.1:$((base + 2))" --driver sim --api none \
  --socket "$dir/h2.sock" >"$dir/out" 2>"$dir/err" </dev/null && grep -q "no certificate" "$dir/out" "$dir/err"
ok $? "nor without keys"
rm -rf "$dir/h2/keys"
mv "$dir/keys2" "$dir/h2/keys"
start h2 2 && wait_until 30 takes_tokens h2
ok $? "with its own it does"

# --- another address -------------------------------------------------------------------------
if command -v openssl >/dev/null; then
  certified() { openssl x509 -inform DER -in "$dir/h2/keys/node.crt" -noout -ext subjectAltName 2>/dev/null | grep -qx " *IP Address:$1"; }
  certified 127.0.0.1
  ok $? "a certificate names the address of its node"
  end h2 TERM
  start h2 2 127.0.0.2 && wait_until 30 certified 127.0.0.2
  ok $? "a node that is started with another address has a new one soon"
  end h2 TERM
  start h2 2 && wait_until 30 certified 127.0.0.1
  ok $? "and again"
fi

# --- it leaves, and comes back ---------------------------------------------------------------
end h2 KILL
gone() { at h1 node remove h2 --confirm-dead --yes; }
wait_until 90 gone && "$build/blixardd" --data "$dir/h2" --forget-cluster >"$dir/out" 2>"$dir/err" </dev/null &&
  [ ! -e "$dir/h2/keys" ]
ok $? "a host that leaves keeps no keys"
start h2 2 && at h2 cluster join "$(token)" && wait_until 60 members_are 3
ok $? "it joins again, with new ones"

# --- a full disk --------------------------------------------------------------------------
mkdir "$dir/full"
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=64m,mode=711 tmpfs "$dir/full" 2>/dev/null; then
  mounted=yes
  start full 4
  head -c 128M /dev/zero >"$dir/full/fill" 2>/dev/null
  ! at full cluster join "$(token)" && grep -q "No space left\|no space" "$dir/err"
  ok $? "on a full disk no host joins, and it says why"
  ! at full cluster init && grep -q "No space left\|no space" "$dir/err"
  ok $? "nor is a cluster made"
  rm "$dir/full/fill"
  at full cluster init && wait_until 30 takes_tokens full
  ok $? "with room again it is"
fi
! grep -l "Sanitizer\|assertion" "$dir"/*.log
ok $? "no daemon has complained"
finish
