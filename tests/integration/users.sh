#!/bin/bash
# Users and their tokens: who may do what, on each node of three and over TCP, and what ends a token's rights.
# secrets.sh looks for their secrets, tenants.sh is about those of one tenant.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
unset BLIXARD_TOKEN BLIXARD_TOKEN_FILE
BLIXARDD_FLAGS="--log debug"
export BLIXARDD_FLAGS
up 3
mkdir "$dir/home"
HOME=$dir/home
export HOME

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
as() # user whose token is in a file, command
{
  local user=$1
  shift
  ctl --token-file "$dir/$user.token" "$@"
}
on() # node, user, command
{
  local node=$1
  shift
  as "$1" --addr "$(socket "$node")" "${@:2}"
}
make() # user, flags of user create: with a token
{
  ctl user create "$@" >"$dir/out" 2>"$dir/err" && ctl user token create "$1" --out "$dir/$1.token" >>"$dir/out" 2>>"$dir/err"
}

# --- users ------------------------------------------------------------------------------
ctl tenant create acme >"$dir/out" 2>"$dir/err"
make boss --role admin && make eve --role operator && make vic --role viewer &&
  make anna --role admin --tenant acme && make otto --role operator --tenant acme
ok $? "users are created, each with a token"
ctl user list -c NAME,ROLE,TENANT -o csv >"$dir/out" 2>"$dir/err"
[ "$(tail -n +2 "$dir/out" | tr '\n' ' ')" = "anna,admin,acme boss,admin, eve,operator, otto,operator,acme vic,viewer, " ]
ok $? "and listed by name"
[ "$(stat -c %a "$dir/boss.token")" = 600 ] && grep -qxE 'blx_[A-Za-z0-9_-]{43}' "$dir/boss.token"
ok $? "a token is in a file of mode 0600"
expect 1 "which is not written over" ctl user token create boss --out "$dir/boss.token"
expect 6 "a tenant with users is not deleted" ctl tenant delete acme
expect 2 "a role is needed" ctl user create nobody
expect 5 "and a tenant that exists" ctl user create nobody --role viewer --tenant none
expect 6 "and a name that is free" ctl user create boss --role viewer

# --- roles ------------------------------------------------------------------------------
for k in 1 2 3; do
  expect 0 "n$k: an administrator lists users" on "$k" boss user list
  expect 4 "n$k: an operator does not" on "$k" eve user list
  expect 4 "n$k: nor does a viewer" on "$k" vic user list
  expect 0 "n$k: a viewer reads" on "$k" vic vm list
  expect 4 "n$k: and changes nothing" on "$k" vic vm create no --no-start
  expect 0 "n$k: an operator does" on "$k" eve vm create "eve$k" --disk 0 --no-start
  [ "$(on "$k" anna user list -o name 2>"$dir/err" | tr '\n' ' ')" = "anna otto " ]
  ok $? "n$k: an administrator of a tenant sees its users alone"
done
expect 4 "an administrator of a tenant is none of the cluster" as anna cluster token create
expect 5 "other users do not exist for it" as anna user show boss
expect 5 "and are not changed" as anna user set boss --role viewer
expect 5 "nor deleted" as anna user delete boss --yes
expect 5 "and get no token" as anna user token create boss
expect 5 "nor are their tokens listed" as anna user token list boss
expect 4 "it creates nobody for the whole cluster" as anna user create more --role viewer
says "--tenant acme" "and is told how"
expect 4 "nor moves anybody there" as anna user set otto --no-tenant
expect 0 "it creates users of its tenant" as anna user create more --role viewer --tenant acme
expect 0 "and gives them tokens" as anna user token create more --out "$dir/more.token"
expect 0 "changes them" as anna user set more --role operator
expect 0 "and deletes them" as anna user delete more --yes
expect 4 "and with it their tokens" as more vm list
for user in eve vic otto; do
  for command in "user create x --role admin" "user show boss" "user set $user --role admin" "user delete boss --yes" \
    "user token create boss" "user token list boss" "user token revoke 1"; do
    # shellcheck disable=SC2086 # words of a command
    expect 4 "$user: no $command" as $user $command
  done
done

# --- the token counts -------------------------------------------------------------------
expect 0 "the token of the environment" env BLIXARD_TOKEN="$(cat "$dir/vic.token")" "$build/blixardctl" vm list
expect 4 "counts more than who runs the command" env BLIXARD_TOKEN="$(cat "$dir/vic.token")" "$build/blixardctl" user list
expect 0 "a flag counts more than that" env BLIXARD_TOKEN="$(cat "$dir/vic.token")" "$build/blixardctl" --token-file "$dir/boss.token" user list
expect 4 "a file of the environment" env BLIXARD_TOKEN_FILE="$dir/vic.token" "$build/blixardctl" user list
ctl context set here --addr "$(socket 1)" --token-file "$dir/vic.token" >"$dir/out" 2>"$dir/err"
expect 4 "a file of a context" ctl --context here user list
(cd "$dir" && ctl context set near --addr "$(socket 1)" --token-file ./vic.token) >"$dir/out" 2>"$dir/err"
expect 4 "also when its path was relative to another folder" ctl --context near user list
expect 2 "a file that is not there is not stored" ctl context set near --token-file "$dir/none.token"
says "No such file" "and that is said"
expect 0 "which is not used for an address that is given" ctl --addr "$(socket 1)" user list
chmod 644 "$dir/vic.token"
expect 2 "a file that others can read is refused" as vic vm list
says "chmod 600" "with a hint"
chmod 600 "$dir/vic.token"
echo blx_nonsense >"$dir/odd.token" && chmod 600 "$dir/odd.token"
expect 2 "so is one without a token" as odd vm list

# --- what ends it -----------------------------------------------------------------------
ctl user set eve --role viewer >"$dir/out" 2>"$dir/err"
expect 4 "a role that is taken away" as eve vm create later --disk 0 --no-start
make short --role viewer >"$dir/out" 2>"$dir/err"
ctl user token create short --ttl 3s --out "$dir/brief.token" >"$dir/out" 2>"$dir/err"
expect 0 "a token with a time" as brief vm list
expired() { as brief vm list >"$dir/out" 2>"$dir/err"; [ $? -eq 4 ]; }
wait_until 30 expired
ok $? "ends by itself"
id=$(ctl user token list short -o json | field id)
ctl user token list short -o json >"$dir/out" 2>"$dir/err" && [ "$(grep -c '"id"' "$dir/out")" = 1 ]
ok $? "and is listed no more"
as short --addr "$(socket 2)" vm list >"$dir/out" 2>"$dir/err"
ctl --addr "$(socket 2)" user token list short -o json >"$dir/out" 2>"$dir/err" && grep -q '"used_ms": [1-9]' "$dir/out"
ok $? "the node on which a token was used tells when"
as short events --follow >"$dir/followed" 2>"$dir/err" &
follower=$!
expect 0 "a token is revoked" ctl user token revoke "$id"
expect 4 "and proves nothing" as short vm list
expect 5 "and is not there" ctl user token revoke "$id"
ended() { ! kill -0 "$follower" 2>/dev/null; }
wait_until 30 ended
ok $? "who followed the events with it is cut off"
wait "$follower"
make gone --role admin >"$dir/out" 2>"$dir/err"
expect 0 "a user" as gone user list
ctl user delete gone --yes >"$dir/out" 2>"$dir/err"
for k in 1 2 3; do
  lost() { on "$k" gone user list >"$dir/out" 2>"$dir/err"; [ $? -eq 4 ]; }
  wait_until 20 lost
  ok $? "n$k: that is deleted may nothing"
done

# --- restarts, TCP ----------------------------------------------------------------------
read -r _ _ first <"$dir/cluster"
tcp=127.0.0.1:$((first + 20))
for k in 1 2 3; do cluster stop-node "n$k" --dir "$dir"; done >"$dir/out" 2>&1
for k in 2 3; do cluster start-node "n$k" --dir "$dir"; done >"$dir/out" 2>&1
BLIXARDD_FLAGS="--log debug --api $tcp" cluster start-node n1 --dir "$dir" >"$dir/out" 2>&1
served() { as boss user list >"$dir/out" 2>"$dir/err"; }
wait_until 60 served
ok $? "tokens are valid after a restart of all"
expect 2 "over TCP nothing goes without the CA" as vic --addr "$tcp" vm list
says "uses TLS" "as the server uses TLS"
says "cluster ca show" "and how to get it is said"
expect 0 "a viewer gets it" as vic cluster ca show --out "$dir/ca.pem"
[ "$(as vic cluster ca show | cmp - "$dir/ca.pem" && grep -c BEGIN "$dir/ca.pem")" = 1 ]
ok $? "or prints it"
export BLIXARD_CACERT=$dir/ca.pem
expect 4 "over TCP nothing goes without a token" ctl --addr "$tcp" vm list
says "need a token" "and that is said"
expect 0 "but hello" ctl --addr "$tcp" version
grep -q '^blixardd ' "$dir/out"
ok $? "which tells the version of the daemon"
expect 0 "with one it does" as vic --addr "$tcp" vm list
expect 4 "as far as the role goes" as vic --addr "$tcp" user list
expect 0 "an administrator does everything" as boss --addr "$tcp" user list
expect 0 "each client of bench has the token" as boss --addr "$tcp" bench --count 4 --clients 2 --prefix measured
as vic --addr "$tcp" doctor >"$dir/out" 2>"$dir/err"
grep -qE '^address +ok' "$dir/out" && grep -qE '^nodes +ok' "$dir/out" && ! grep -q 'need a token' "$dir/out"
ok $? "those of doctor have it"
unset BLIXARD_CACERT
ctl context add remote --addr "$tcp" --token-file "$dir/vic.token" --ca "$dir/ca.pem" >"$dir/out" 2>"$dir/err"
expect 0 "a context has the CA" ctl --context remote vm list
[ "$(stat -c %a "$HOME/.config/blixard/config.yaml")" = 600 ] && grep -q "ca: $dir/ca.pem" "$HOME/.config/blixard/config.yaml"
ok $? "in a file that nobody else reads"
# It is about nodes, too: without TLS they reach only each other.
for k in 1 2 3; do cluster stop-node "n$k" --dir "$dir"; done >"$dir/out" 2>&1
for k in 2 3; do BLIXARDD_FLAGS=--insecure-loopback cluster start-node "n$k" --dir "$dir"; done >"$dir/out" 2>&1
BLIXARDD_FLAGS="--log debug --api $tcp --insecure-loopback" cluster start-node n1 --dir "$dir" >"$dir/out" 2>&1
open() { ctl --addr "$tcp" user list >"$dir/out" 2>"$dir/err"; }
wait_until 60 open
ok $? "with --insecure-loopback everyone does"
expect 3 "but not who asks for TLS" ctl --addr "$tcp" --ca "$dir/ca.pem" user list
says "does not speak TLS" "which is said"
expect 4 "but for one who comes with a token" as vic --addr "$tcp" user list

# --- wrong tokens -----------------------------------------------------------------------
wrong=blx_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8
try() { BLIXARD_TOKEN=$wrong ctl --addr "$(socket 3)" --timeout 300ms vm list >"$dir/out" 2>"$dir/err"; }
told() { grep -c 'warning api: wrong token' "$dir/n3/log"; }
before=$(told)
for k in 1 2 3 4 5; do
  try
  [ $? -eq 4 ]
  ok $? "a wrong token, $k"
done
try
says "too many wrong tokens" "then further ones are not looked at for a while"
expect 0 "a right one is" on 3 boss vm list
expect 0 "without one it goes on" ctl --addr "$(socket 3)" vm list
[ "$(told)" -eq $((before + 1)) ]
ok $? "it is logged once"
looked_at() { try; [ $? -eq 4 ]; }
wait_until 40 looked_at
ok $? "after a while wrong ones are looked at again"

# --- SQL ------------------------------------------------------------------------------
for query in "SELECT * FROM user_tokens" "SELECT name FROM users"; do
  ! ctl sql "$query" >"$dir/out" 2>"$dir/err"
  ok $? "SQL does not show: $query"
done
finish
