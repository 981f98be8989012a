#!/bin/bash
# Clients on another host: TLS, tokens and certificates of users, and what a hostile one tries. The
# hosts are network namespaces: one of the daemon, one of the client, which has three addresses.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
skip_all()
{
  echo "1..0 # SKIP $1"
  exit 0
}
unset BLIXARD_TOKEN BLIXARD_TOKEN_FILE BLIXARD_CACERT BLIXARD_CERT BLIXARD_KEY BLIXARD_ADDR
[ "$(id -u)" -eq 0 ] || skip_all "making hosts needs root"
names=bxt$$
ip netns add "$names-h" 2>/dev/null || skip_all "no network namespaces here"
ip netns add "$names-c"
# HOST COMMAND...: not by ip netns exec, which mounts, and fails in a chroot
on() { nsenter --net="/run/netns/$names-$1" "${@:2}"; }
remove_hosts()
{
  local pid
  for pid in $(cat "$dir"/*.pid 2>/dev/null); do kill -9 "$pid" 2>/dev/null; done
  wait
  ip netns del "$names-h" 2>/dev/null
  ip netns del "$names-c" 2>/dev/null
  rm -rf "$dir"
}
trap remove_hosts EXIT
on h ip link add eth0 type veth peer name eth0 netns "$names-c" || skip_all "no veth in network namespaces here"
on h ip addr add 10.78.0.1/24 dev eth0
for k in 2 3 4; do on c ip addr add 10.78.0.$k/24 dev eth0; done
for host in h c; do
  on $host ip link set eth0 up
  on $host ip link set lo up
done

api=10.78.0.1:7410
start() # NAME, flags
{
  # exec: the number is that of the daemon, not of a shell around it
  (exec nsenter --net="/run/netns/$names-h" "$build/blixardd" --data "$dir/$1" --name "$1" --driver sim \
    "${@:2}" >>"$dir/$1.log" 2>&1) &
  echo $! >"$dir/$1.pid"
}
at() { ctl --addr "unix:$dir/$1/blixard.sock" "${@:2}"; } # HOST COMMAND...
answers() { at "$1" version 2>/dev/null | grep -q ^blixardd; }
founded() { at "$1" cluster init >"$dir/out" 2>"$dir/err"; }
remote() { on c "$build/blixardctl" --addr $api "$@" </dev/null; }
# expect CODE NAME COMMAND...
expect()
{
  local want=$1 what=$2
  shift 2
  "$@" >"$dir/out" 2>"$dir/err"
  local got=$?
  [ "$got" -eq "$want" ]
  ok $? "$what"
}
says() # pattern, what
{
  grep -q -- "$1" "$dir/err"
  ok $? "$2"
}

# --- a host that is no member yet -------------------------------------------------------
start h1 --listen 10.78.0.1:7411 --api $api
start other --listen 10.78.0.1:7421 --api 10.78.0.1:7420
wait_until 20 answers h1 && wait_until 20 answers other
founded other
at other cluster ca show --out "$dir/other.pem"
expect 3 "a host that is no member serves nobody over TCP" remote --ca "$dir/other.pem" vm list
grep -q 'refused a client reason=not_a_member client=10.78.0.2:.* why="this host is not a member' "$dir/h1.log"
ok $? "and says so in its log"
expect 0 "it becomes one over its unix socket" at h1 cluster init
expect 0 "the CA is shown" at h1 cluster ca show --out "$dir/ca.pem"

# --- the server -------------------------------------------------------------------------
expect 2 "a client needs the CA" remote vm list
says "the CA of the cluster is needed" "and is told so"
says "cluster ca show --out" "and how to get it"
expect 3 "the CA of another cluster does not do" remote --ca "$dir/other.pem" vm list
says "certificate of another cluster" "and that is said"
expect 0 "with the right one it is served" remote --ca "$dir/ca.pem" version
grep -q '^blixardd ' "$dir/out"
ok $? "and told the version of the daemon"
expect 4 "but nothing else without a token" remote --ca "$dir/ca.pem" vm list
says "need a token or certificate" "and that is said"

# --- tokens -----------------------------------------------------------------------------
at h1 user create boss --role admin >"$dir/out" 2>&1 && at h1 user token create boss --out "$dir/boss.token"
at h1 user create vic --role viewer >"$dir/out" 2>&1 && at h1 user token create vic --out "$dir/vic.token"
expect 0 "with a token it reads" remote --ca "$dir/ca.pem" --token-file "$dir/vic.token" vm list
expect 4 "as far as the role goes" remote --ca "$dir/ca.pem" --token-file "$dir/vic.token" user list
expect 0 "an administrator does everything" remote --ca "$dir/ca.pem" --token-file "$dir/boss.token" vm create v1 --disk 0
export XDG_CONFIG_HOME=$dir/config
(cd "$dir" && ctl context add lab --addr $api --ca ca.pem --token-file boss.token) >"$dir/out" 2>"$dir/err"
ok $? "a context has CA and token"
expect 0 "and then no flag is needed" on c "$build/blixardctl" vm list
[ "$(stat -c %a "$dir/config/blixard/config.yaml")" = 600 ] && grep -q "ca: $dir/ca.pem" "$dir/config/blixard/config.yaml"
ok $? "nobody else reads the file, and paths in it are absolute"
export BLIXARD_CACERT=$dir/ca.pem
expect 3 "a flag counts more than the environment" remote --ca "$dir/other.pem" vm list
expect 0 "and the environment more than nothing" remote --token-file "$dir/vic.token" vm list
expect 0 "events are followed" timeout 10 nsenter --net="/run/netns/$names-c" "$build/blixardctl" --addr $api \
  --token-file "$dir/boss.token" events --since 0

# --- certificates -----------------------------------------------------------------------
with() { remote --cert "$dir/$1.crt" --key "$dir/$1.key" "${@:2}"; } # whose, command
expect 0 "a user gets a certificate" remote --token-file "$dir/boss.token" user cert vic --out "$dir/vic"
[ "$(stat -c %a "$dir/vic.key")" = 600 ] && grep -q 'BEGIN PRIVATE KEY' "$dir/vic.key" && grep -q 'BEGIN CERTIFICATE' "$dir/vic.crt"
ok $? "and a key, in a file of mode 0600"
expect 0 "which it is known by" with vic vm list
expect 4 "as far as the role goes" with vic user list
says "user:vic" "which is named"
expect 1 "files are not written over" remote --token-file "$dir/boss.token" user cert vic --out "$dir/vic"
cp "$dir/vic.crt" "$dir/before.crt" && rm "$dir/vic.crt"
expect 0 "the same key gets its certificate again" remote --token-file "$dir/boss.token" user cert vic --out "$dir/vic"
[ "$(at h1 user token list vic -o json | grep -c '"certificate": true')" = 1 ]
ok $? "which is still one"
expect 0 "both are valid" with vic vm list
cp "$dir/vic.key" "$dir/before.key"
expect 0 "also the one from before" with before vm list
expect 4 "nobody else gets one for this key" sh -c "rm '$dir/before.crt' && exec nsenter --net=/run/netns/$names-c \
  '$build/blixardctl' --addr $api --token-file '$dir/vic.token' user cert boss --out '$dir/before'"
expect 6 "nor does an administrator" remote --token-file "$dir/boss.token" user cert boss --out "$dir/before"
chmod 644 "$dir/vic.key"
expect 2 "a key that others can read is refused" with vic vm list
chmod 600 "$dir/vic.key"
expect 4 "a token counts more" with vic --token-file "$dir/boss.token" user delete nobody --yes --token-file "$dir/vic.token"
ctl context add certified --addr $api --ca "$dir/ca.pem" --cert "$dir/vic.crt" --key "$dir/vic.key" >"$dir/out" 2>"$dir/err"
expect 0 "a context has a certificate" on c "$build/blixardctl" --context certified vm list
at h1 user create eve --role operator >"$dir/out" 2>&1
expect 0 "another user" at h1 user cert eve --out "$dir/eve"
expect 0 "does what it may" with eve vm create v2 --disk 0
on c "$build/blixardctl" --addr $api --cert "$dir/eve.crt" --key "$dir/eve.key" events --follow >"$dir/followed" 2>"$dir/errors" &
follower=$!
follows() { [ -s "$dir/followed" ]; }
wait_until 20 follows
expect 0 "a certificate is revoked" at h1 user token revoke "$(at h1 user token list eve -o json | field id)"
expect 4 "it proves nothing any more" with eve vm list
says "certificate unknown or expired" "which is said"
says "user cert NAME" "with what to do"
ended() { ! kill -0 "$follower" 2>/dev/null; }
wait_until 30 ended
ok $? "who followed the events with it is cut off"
wait "$follower"
expect 0 "a user is deleted" at h1 user delete vic --yes
expect 4 "its certificate proves nothing" with vic vm list
at h1 user create brief --role viewer >"$dir/out" 2>&1
expect 0 "a certificate for three seconds" at h1 user cert brief --out "$dir/brief" --ttl 3s
expect 0 "is valid" with brief vm list
expired() { with brief vm list >"$dir/out" 2>"$dir/err"; [ $? -eq 4 ]; }
wait_until 20 expired
ok $? "and ends by itself"
refused_as_expired() { with brief vm list >"$dir/out" 2>"$dir/err"; grep -q "it has expired" "$dir/err"; }
wait_until 20 refused_as_expired
ok $? "amid the handshake, which is said"
at other user create vic --role admin >"$dir/out" 2>&1 && at other user cert vic --out "$dir/foreign" >"$dir/out" 2>"$dir/err"
expect 4 "a certificate of another cluster is refused" with foreign vm list
says "not one of this cluster" "which is said"
at h1 audit list --refused -o csv -c FROM,WHAT,OUTCOME >"$dir/out" 2>"$dir/err"
grep -qx '10.78.0.2,tls,denied' "$dir/out"
ok $? "and is in the audit"
expect 2 "and not a certificate of a user as that of the CA" remote --ca "$dir/foreign.crt" vm list

# --- a hostile client -------------------------------------------------------------------
if command -v python3 >/dev/null; then
  python3 "$src/tests/integration/hostile_api.py" "/run/netns/$names-c" 10.78.0.1 7410 "$dir/boss.token" \
    "$dir/h1" "$dir/h1.log" "$(cat "$dir/h1.pid")" >"$dir/attacks" 2>"$dir/err"
  rc=$?
  while IFS= read -r line; do
    case $line in
    "ok - "*) tests=$((tests + 1)); echo "ok $tests - ${line#ok - }" ;;
    "not ok - "*) tests=$((tests + 1)); failures=$((failures + 1)); echo "not ok $tests - ${line#not ok - }" ;;
    *) echo "$line" ;;
    esac
  done <"$dir/attacks"
  [ "$rc" -le 1 ] && [ ! -s "$dir/err" ]
  ok $? "all attacks were made"
fi
! grep -h "Sanitizer\|assertion" "$dir"/*.log
ok $? "no daemon has complained"
secrets() { grep -rlaF "$(sed -n 2p "$dir/vic.key")" "$dir/h1" "$dir/h1.log"; }
! secrets
ok $? "no key of a user is where the daemon writes"
finish
