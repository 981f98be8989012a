#!/bin/bash
# shellcheck disable=SC2154 # build and dir are set by cluster.sh
# What operators type: exit codes, error: and hint:, and that a refusal changes nothing.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
BLIXARDD_FLAGS="--admin-group 4711 --operator-group 4713" up 1

# expect CODE NAME COMMAND...: exit code, and for a failure one error: and one hint: line
expect()
{
  local want=$1 name=$2 rc=0
  shift 2
  "$@" >"$dir/out" 2>"$dir/err" || rc=$?
  [ "$rc" -eq "$want" ]
  ok $? "$name: exit code $want (was $rc)"
  [ "$want" -eq 0 ] && return
  grep -q '^error: ' "$dir/err" && grep -q '^hint: ' "$dir/err"
  ok $? "$name: error: and hint:"
}

expect 0 "create" ctl vm create web-1 --vcpus 2 --memory 1GiB --label app=web
revision=$(status_of 1 | field revision)
digest=$(status_of 1 | field digest)
expect 2 "a name with spaces" ctl vm create "my vm"
expect 2 "no vcpus" ctl vm create bad --vcpus 0
expect 2 "too many vcpus" ctl vm create bad --vcpus 513
expect 2 "memory beyond the maximum" ctl vm create bad --memory 65TiB
expect 2 "a size that is none" ctl vm create bad --memory lots
expect 5 "an unknown node" ctl vm create bad --node nowhere
expect 2 "a node of no name" ctl vm create bad --node ''
expect 2 "a file that is not there" ctl vm create bad --file "$dir/none"
expect 2 "a file with nothing in it" ctl vm create bad --file /dev/null
expect 2 "an unknown flag" ctl vm create bad --memmory 1GiB
expect 2 "a label without a value" ctl vm create bad --label app
expect 2 "a label that is given twice" ctl vm create bad --label app=web --label app=db
expect 2 "a token that is good for no time" ctl cluster token create --ttl 500ms
expect 2 "a label of 100 KB" ctl vm create bad --label "a=$(head -c 100000 /dev/zero | tr '\0' x)"
expect 2 "a request id that is none" ctl vm create bad --request-id 7
expect 6 "a name that is taken" ctl vm create web-1
expect 0 "taken, and that is fine" ctl vm create web-1 --if-not-exists
expect 9 "what fits nowhere" ctl vm create huge --memory 60TiB
grep -q 'n1: not enough memory' "$dir/err"
ok $? "what fits nowhere: says why for the node"
grep -q '^hint: it would fit on n1 with [0-9]* MiB less' "$dir/err"
ok $? "what fits nowhere: says by how much it is too large"
expect 9 "what fits nowhere, without waiting" ctl vm create huge --memory 60TiB --no-wait
expect 5 "a VM that is not there" ctl vm show nobody
expect 2 "a VM of no name" ctl vm show ""
expect 2 "a node without a name" ctl node show ""
expect 2 "a name of 300 letters" ctl vm show "$(printf 'a%.0s' {1..300})"
expect 2 "SQL of nothing" ctl sql ""
expect 2 "SQL of two statements" ctl sql "SELECT 1; SELECT 2"
expect 2 "deleting without --yes" ctl vm delete web-1
expect 0 "a tenant" ctl tenant create acme --quota-vcpus 4 --quota-memory 1GiB --quota-vms 2
expect 6 "a tenant that is there" ctl tenant create acme
expect 2 "a tenant with a name that is none" ctl tenant create "a b"
expect 2 "a quota that is no number" ctl tenant set acme --quota-vms many
expect 2 "a change of no bound" ctl tenant set acme
expect 2 "a quota that is no size" ctl tenant set acme --quota-memory lots
expect 5 "a VM of a tenant that is not there" ctl vm create bad --tenant nobody
expect 0 "a VM within the quota" ctl vm create mine --tenant acme --vcpus 3 --no-start
expect 9 "a VM beyond the quota" ctl vm create bad --tenant acme --vcpus 2
grep -q 'exceeded by 1 vcpus' "$dir/err"
ok $? "a VM beyond the quota: says what is missing"
expect 9 "a dry run beyond the quota" ctl vm create bad --tenant acme --vcpus 2 --dry-run
expect 6 "a quota below what is used" ctl tenant set acme --quota-vcpus 2
expect 0 "a larger quota" ctl tenant set acme --quota-vcpus 5
expect 0 "a tenant is shown" ctl tenant show acme -o json
for key in name quota usage vcpus memory_mib disk_gib vms; do
  grep -q "\"$key\":" "$dir/out"
  ok $? "a tenant has the key $key"
done
expect 6 "deleting a tenant with VMs" ctl tenant delete acme
expect 0 "its VM goes" ctl vm delete mine --yes
expect 0 "then it can be deleted" ctl tenant delete acme
expect 5 "and is gone" ctl tenant show acme
expect 6 "default stays" ctl tenant delete default
expect 0 "all tenants" ctl tenant list -o csv
grep -q '^default,' "$dir/out"
ok $? "all tenants: default is among them"
expect 0 "all tenants, as a table" ctl tenant list
grep -Eq '^default .* unlimited .* unlimited$' "$dir/out"
ok $? "all tenants, as a table: what has no bound"
expect 0 "a token" ctl cluster token create --ttl 10m
expect 0 "tokens" ctl cluster token list -c id --no-headers
token=$(tail -n 1 "$dir/out" | tr -d ' ')
[ -n "$token" ]
ok $? "tokens: the token is listed"
expect 0 "the token is revoked" ctl cluster token revoke "$token"
expect 5 "and is not there any more" ctl cluster token revoke "$token"
expect 0 "tokens without it" ctl cluster token list -c id --no-headers
! grep -q "^ *$token\$" "$dir/out"
ok $? "tokens without it: not listed"
revision=$(status_of 1 | field revision)
digest=$(status_of 1 | field digest)
expect 2 "an unknown verb" ctl vm crate x
grep -q 'did you mean "vm create"' "$dir/err"
ok $? "an unknown verb: did you mean"
expect 2 "an unknown noun" ctl vmm list
expect 3 "nobody listens" ctl --addr "unix:$dir/none.sock" --timeout 1s vm list
expect 0 "a dry run" ctl vm create dry --dry-run -o json
grep -q '"decision": "placed"' "$dir/out"
ok $? "a dry run: says where"
expect 0 "a dry run as csv" ctl vm create dry --dry-run -o csv
[ "$(head -n 1 "$dir/out")" = node,score,rejected ] && grep -q '^n1,[0-9]*,$' "$dir/out"
ok $? "a dry run as csv: the nodes"
expect 4 "SQL that writes" ctl sql "DELETE FROM vms"
expect 4 "SQL on secrets" ctl sql "SELECT * FROM tokens"
[ "$(status_of 1 | field revision)" = "$revision" ] && [ "$(status_of 1 | field digest)" = "$digest" ]
ok $? "none of that changed anything"

# --- the same request twice ---------------------------------------------------------
id=00112233445566778899aabbccddeeff
expect 0 "a request with an id" ctl vm create once --request-id $id
expect 0 "the same again" ctl vm create once --request-id $id
expect 0 "the same in capitals" ctl vm create once --request-id ${id^^}
expect 6 "the id with another request" ctl vm create other --request-id $id
expect 5 "removing a node takes one, too" ctl node remove nobody --request-id ffeeddccbbaa99887766554433221100
expect 2 "which must be one" ctl node remove nobody --request-id 7

# --- JSON keys ------------------------------------------------------------------------
ctl vm show web-1 -o json >"$dir/out"
for key in name uuid tenant vcpus memory_mib disk_gib desired phase node epoch priority labels \
  created_index modified_index address; do
  grep -q "\"$key\":" "$dir/out"
  ok $? "vm has $key"
done
grep -q '"restart": "always"' "$dir/out"
ok $? "a VM that ends is started again, unless asked otherwise"
ctl node list -o json >"$dir/out"
for key in id name address state role capacity allocated; do
  grep -q "\"$key\":" "$dir/out"
  ok $? "node has $key"
done
ctl events -o json >"$dir/out"
for key in index type object node time; do
  grep -q "\"$key\":" "$dir/out"
  ok $? "event has $key"
done
expect 0 "names of what has none" ctl mem stats -o name
grep -qx proposal "$dir/out"
ok $? "names of what has none: its keys"
expect 0 "sql" ctl sql "SELECT name, phase FROM vms ORDER BY name" -o json
grep -q '"name": "web-1"' "$dir/out"
ok $? "sql: the rows"

long=$(printf 'v%.0s' {1..255}) labels=()
for k in {1..64}; do labels+=(--label "k$k=$long"); done
expect 0 "a VM with much to say" ctl vm create many --disk 0 "${labels[@]}"
expect 0 "all of it" ctl vm show many
[ "$(grep '^labels ' "$dir/out" | grep -o "$long" | wc -l)" -eq 64 ]
ok $? "all of it: 64 labels"

# --- a VM out of what another one is ----------------------------------------------------
same() # VM VM: what was configured
{
  [ "$(configured "$1")" = "$(configured "$2")" ] && [ -n "$(configured "$1")" ]
}
configured()
{
  ctl vm show "$1" -o json | tr -d '\n ' | grep -oE '"(vcpus|memory_mib|disk_gib|desired|priority|labels|metadata|strategy|restart|reserve)":("[^"]*"|[a-z0-9]+|\{[^}]*\})'
}
expect 0 "a VM with much configured" ctl vm create model --vcpus 3 --memory 256MiB --disk 2GiB --restart on-failure \
  --priority 7 --label app=web --metadata "owner=Jürgen Müller" --strategy least-available --reserve
expect 0 "it stops" ctl vm stop model
ctl vm show model -o json >"$dir/model.json"
expect 0 "another out of what was shown" ctl vm create copy --file "$dir/model.json"
same model copy
ok $? "another out of what was shown: is like it"
expect 0 "out of what flags change" "$build/blixardctl" vm create other --file - --vcpus 1 --start --node n1 \
  <"$dir/model.json"
ctl vm show other -o json | tr -d '\n ' | grep -q '"vcpus":1,"memory_mib":256,.*"desired":"running"'
ok $? "out of what flags change: is like that"
sed 's/"vcpus"/"vcpu"/; /"uuid"/d' "$dir/model.json" >"$dir/wrong.json"
expect 2 "out of what is no VM that was shown" ctl vm create bad --file "$dir/wrong.json"
for vm in model copy other; do ctl vm delete $vm --yes >/dev/null; done

# --- room ---------------------------------------------------------------------------------
expect 0 "a VM that takes most of the memory" ctl vm create big --memory 12TiB --disk 1GiB
expect 9 "another finds no room" ctl vm create big-2 --memory 12TiB --disk 0
expect 0 "it stops, too" ctl vm stop big
expect 0 "another takes its room" ctl vm create big-2 --memory 12TiB --disk 0
expect 9 "it can not start" ctl vm start big
grep -q '^error: VM "big" cannot start where its disk is: n1: not enough memory (needs 12582912 MiB, [0-9]* free)$' "$dir/err"
ok $? "it can not start: why"
grep -q '^hint: stop something there: blixardctl vm list --node n1 --phase running$' "$dir/err"
ok $? "it can not start: what would help"
expect 0 "the other stops" ctl vm stop big-2
expect 0 "now it starts" ctl vm start big
for vm in big big-2; do ctl vm delete $vm --yes >/dev/null; done
expect 0 "a VM whose room is kept" ctl vm create kept --memory 12TiB --disk 0 --no-start --reserve
expect 9 "its room is nobody else's" ctl vm create big --memory 12TiB --disk 0
expect 0 "it is there for it" ctl vm start kept
ctl vm delete kept --yes >/dev/null
expect 0 "the ratios of a node" ctl node list -c vcpus_x,memory_x --no-headers
[ "$(tr -s ' ' <"$dir/out" | sed 's/^ //')" = "4.0 1.0" ]
ok $? "the ratios of a node: what they are"

# --- life -----------------------------------------------------------------------------
expect 0 "stop" ctl vm stop web-1
expect 0 "stop again" ctl vm stop web-1
expect 0 "start" ctl vm start web-1
expect 0 "restart" ctl vm restart web-1
expect 0 "logs" ctl vm logs web-1
follows() { ctl vm logs "$@" --follow >"$dir/follow" 2>"$dir/follow.err"; }
followed() { grep -q 'is simulated' "$dir/follow"; }
follows web-1 &
follower=$!
wait_until 10 followed
ok $? "logs are followed"
expect 0 "the VM that is followed stops" ctl vm stop web-1
wait "$follower" && [ "$(wc -l <"$dir/follow")" -eq 1 ]
ok $? "which ends that, and nothing is told twice"
expect 0 "start it again" ctl vm start web-1
rm "$dir/follow"
"$build/blixardctl" vm logs web-1 -f >"$dir/follow" &
follower=$!
wait_until 10 followed
kill -INT "$follower"
wait "$follower"
[ $? -eq 130 ]
ok $? "Ctrl-C ends it, too"
expect 2 "followed and repeated" ctl vm logs web-1 -f --watch
expect 2 "followed, of a run that has ended" ctl vm logs web-1 -f --previous
expect 2 "followed as an object" ctl vm logs web-1 -f -o json
expect 5 "of a VM that is none" ctl vm logs nobody -f
expect 0 "explain" ctl vm explain web-1 -o json
grep -q '"margin":' "$dir/out"
ok $? "explain: the margin"
expect 0 "a stale read" ctl vm list --consistency stale
grep -q '^stale: ' "$dir/err"
ok $? "a stale read: says how old"
expect 0 "delete" ctl vm delete web-1 --yes
expect 5 "it is gone" ctl vm show web-1

# --- who may connect -----------------------------------------------------------------------
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null 2>&1; then
  install -m 755 "$build/blixardctl" "$dir/blixardctl"
  chmod 711 "$dir" "$dir/n1"
  as_user() # supplementary groups, arguments...
  {
    local groups=(--clear-groups)
    [ -z "$1" ] || groups=(--groups "$1")
    shift
    setpriv --reuid 65534 --regid 65534 "${groups[@]}" "$dir/blixardctl" "$@"
  }
  expect 4 "a stranger" as_user "" vm list
  grep -q '^error: permission denied (uid 65534)$' "$dir/err"
  ok $? "a stranger: who was refused"
  [ "$(grep -c 'permission denied client=uid:65534' "$dir/n1/log")" -eq 1 ]
  ok $? "a stranger: the log tells of it"
  expect 4 "a member of another group" as_user 4712 vm list
  [ "$(grep -c 'permission denied client=uid:65534' "$dir/n1/log")" -eq 1 ]
  ok $? "a member of another group: the log tells once a minute"
  ctl user create vic --role viewer >"$dir/out" 2>"$dir/err"
  token=$(ctl user token create vic 2>"$dir/err")
  BLIXARD_TOKEN=$token expect 0 "a stranger with the token of a user" as_user "" vm list
  BLIXARD_TOKEN=$token expect 4 "a stranger with it is that user" as_user "" vm create no --no-start
  expect 4 "doctor of a stranger" as_user "" doctor
  expect 0 "an operator" as_user 100,4713 vm create theirs --disk 0
  expect 4 "an operator makes no tokens" as_user 100,4713 cluster token create
  expect 0 "an administrator does" as_user 4711 cluster token create
  ctl vm delete theirs --yes >/dev/null
else
  echo "# SKIP who may connect: only root can be somebody else"
fi

# --- a daemon without the standard descriptors ---------------------------------------------
read -r _ _ port <"$dir/cluster"
"$build/blixardd" --data "$dir/bare" --listen "127.0.0.1:$((port + 10))" --socket "$dir/bare.sock" \
  --driver sim --log error <&- >&- 2>&- &
bare=$!
wait_until 10 [ -S "$dir/bare.sock" ]
[ "$(readlink /proc/$bare/fd/{0,1,2} | sort -u)" = /dev/null ]
ok $? "no file of the daemon takes the place of standard error"
sockets=$(readlink /proc/$bare/fd/* | sed -n 's/^socket:\[\(.*\)\]$/\1/p' | paste -sd '|')
[ "$(awk '$4 == "0A" { print $10 }' /proc/net/tcp /proc/net/tcp6 | grep -cxE "$sockets")" -eq 1 ]
ok $? "it listens on TCP for other nodes only"
kill "$bare"
wait "$bare"

# --- who may read its files ------------------------------------------------------------------
[ -s "$dir/n1/state.db" ] && [ -z "$(find "$dir/n1" -maxdepth 1 -type f -perm /077)" ]
ok $? "no file in the data directory is readable by others"
readable() { find "$dir/n1" -type f -perm /077; }
[ -z "$(readable)" ]
ok $? "nobody else can read what the daemon writes"
cluster stop-node n1 --dir "$dir" >/dev/null 2>&1
chmod 644 "$dir/n1/state.db"
cluster start-node n1 --dir "$dir" >/dev/null 2>&1
[ -s "$dir/n1/state.db" ] && [ -z "$(readable)" ]
ok $? "nor what an earlier version has left readable"

# --- a data directory that lacks something ---------------------------------------------------
cluster stop-node n1 --dir "$dir" >/dev/null 2>&1
for file in identity vote mark 'wal-*'; do
  cp -a "$dir/n1" "$dir/lost"
  # shellcheck disable=SC2086 # a pattern
  rm "$dir"/lost/$file
  expect 1 "without $file" timeout 20 "$build/blixardd" --data "$dir/lost" --name n1 \
    --listen "127.0.0.1:$((port + 10))" --api none --socket "$dir/lost.sock" --driver sim --log error
  grep -q "^hint: if other nodes .*: blixardd --data $dir/lost --forget-cluster, which keeps vms" "$dir/err"
  ok $? "without $file: what to do"
  if [ "$file" = vote ]; then
    grep -q "^error: .*$dir/lost: vote file missing or stale$" "$dir/err"
    ok $? "without $file: what is missing"
  fi
  mkdir -p "$dir/lost/vms/11112233-4455-4677-8899-aabbccddeeff" "$dir/lost/boot"
  echo disk >"$dir/lost/vms/11112233-4455-4677-8899-aabbccddeeff/disk.raw"
  expect 0 "without $file: doing it" "$build/blixardd" --data "$dir/lost" --forget-cluster --force
  rm -f "$dir"/lost/log "$dir"/lost/pid
  [ "$(echo "$dir"/lost/* | sed "s,$dir/lost/,,g;s, diag,,;s,^audit ,,")" = "boot lock recorder sim-runs vms" ] &&
    [ -s "$dir/lost/vms/11112233-4455-4677-8899-aabbccddeeff/disk.raw" ]
  ok $? "without $file: what is kept"
  rm -r "$dir/lost"
done
no_http=$("$build/blixardd" --help | grep -q "^  --http " && echo "--http none")
BLIXARDD_FLAGS="$no_http --api 127.0.0.1:$((port + 1))" cluster start-node n1 --dir "$dir" >/dev/null 2>&1

# --- noise ------------------------------------------------------------------------------
rss() { awk '/VmRSS/ { print $2 }' "/proc/$(cat "$dir/n1/pid")/status"; }
ports=$(tr '\0' '\n' <"/proc/$(cat "$dir/n1/pid")/cmdline" | grep -o '127.0.0.1:[0-9]*' | cut -d: -f2)
before=$(rss)
for port in $ports; do
  for _ in $(seq 1 50); do
    head -c 1000000 /dev/urandom >"/dev/tcp/127.0.0.1/$port" 2>/dev/null || :
  done
done 2>/dev/null
[ $(($(rss) - before)) -lt 32768 ]
ok $? "100 MB of noise: no growth ($before KiB before, $(rss) KiB after)"
expect 0 "what came was counted" ctl cluster status -o json
grep -qE '"refused": [1-9]' "$dir/out"
ok $? "what came was counted: as refused"
expect 0 "service goes on" ctl vm create after-noise
finish
