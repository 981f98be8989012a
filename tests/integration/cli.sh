#!/bin/bash
# shellcheck disable=SC2154 # dir is set by cluster.sh
# What blixardctl does when the cluster does not: the exit codes of waiting, of lost and silent nodes,
# of Ctrl-C; and that nothing is done twice or told twice on the way.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
unset BLIXARD_ADDR BLIXARD_OUTPUT NO_COLOR
stopped=
trap 'resume; cluster down --dir "$dir/qemu" >/dev/null 2>&1; cleanup' EXIT

# expect CODE NAME COMMAND...: a failure says one error: line, perhaps one hint:, and no more
expect()
{
  local want=$1 name=$2 rc=0
  shift 2
  "$@" >"$dir/out" 2>"$dir/err" </dev/null || rc=$?
  [ "$rc" -eq "$want" ]
  ok $? "$name: exit code $want (was $rc)"
  [ "$want" -eq 0 ] || [ "$want" -eq 130 ] && return
  [ "$(grep -c '^error: ' "$dir/err")" -eq 1 ] && ! grep -qv -e '^error: ' -e '^hint: ' "$dir/err"
  ok $? "$name: one error: and at most a hint:"
}

# said PATTERN NAME, printed PATTERN NAME: on stderr, on stdout
said() { grep -q -e "$1" "$dir/err"; ok $? "$2"; }
printed() { grep -q -e "$1" "$dir/out"; ok $? "$2"; }

pause() { kill -STOP "$(cat "$dir/n$1/pid")" && stopped=$1; }
resume() { [ -z "$stopped" ] || kill -CONT "$(cat "$dir/n$stopped/pid")"; stopped=; }
full() { "$@" >/dev/full; }
# --foreground: to the client alone, and once. As it ends, the leak checker of a sanitized build has a process of its
# own, and waits for ever if a signal to the group ends that.
interrupt() { timeout --foreground --preserve-status -s INT 1 "$build/blixardctl" "$@"; }
gone() { ctl vm show "$1" >/dev/null 2>&1; [ $? -eq 5 ]; }
running() { ctl vm show "$1" -o json 2>/dev/null | grep -q '"phase": "running"'; }
events_with() { grep -qs "\"object\":\"$1\"" "$dir/events"; }

# --- without a server ----------------------------------------------------------------
for noun in vm node cluster events sql version; do
  expect 0 "help $noun" ctl help $noun
  printed "blixardctl $noun" "help $noun: its usage"
done
# BLIXARD_LOG: what blixardctl itself does, on standard error; without it not a byte more
alone() { ctl cluster join the-planted-token --addr unix:/nonexistent/socket --timeout 1s; }
expect 3 "nobody there" alone
cp "$dir/err" "$dir/plain"
BLIXARD_LOG='' expect 3 "an empty BLIXARD_LOG" alone
cmp -s "$dir/err" "$dir/plain"
ok $? "an empty BLIXARD_LOG: nothing more is told"
BLIXARD_LOG=trace alone >"$dir/out" 2>"$dir/err"
[ $? -eq 3 ] && [ ! -s "$dir/out" ]
ok $? "BLIXARD_LOG: the exit code and standard output are as without it"
grep -v '^20[0-9T:.-]*Z ' "$dir/err" | cmp -s - "$dir/plain"
ok $? "BLIXARD_LOG: so are the other lines"
said ' info client: not connected address=unix:/nonexistent/socket err=' "BLIXARD_LOG: an attempt to connect"
said ' info client: trying again method=cluster.join ' "BLIXARD_LOG: another attempt"
said ' info cli: exit code=3 ' "BLIXARD_LOG: the exit code"
! grep -q planted "$dir/err"
ok $? "BLIXARD_LOG: a token is not told"
BLIXARD_LOG=loud expect 3 "a BLIXARD_LOG that is no filter" alone
said '^error: BLIXARD_LOG: unknown log level "loud"$' "a BLIXARD_LOG that is no filter: says so"
expect 0 "help of a verb" ctl vm create --help
printed '--if-not-exists' "help of a verb: its flags"
expect 0 "all help" ctl --help
printed '^  -o, --output FORMAT ' "all help: short flags"
printed '^exit codes: 0 ' "all help: exit codes"
expect 0 "--version" ctl --version
printed '^blixardctl [0-9]' "--version: the version"
expect 2 "nothing at all" ctl
expect 2 "a word too few" ctl sql
said '^error: sql: missing argument QUERY$' "a word too few: which"
expect 2 "a noun without verb" ctl vm
said '^error: vm: missing subcommand$' "a noun without verb: says so"
expect 2 "a verb without its object" ctl cluster token
said '^error: cluster token: missing subcommand$' "a verb without its object: says so"
expect 2 "deleting without a terminal" ctl vm delete x
said 'not a terminal: pass --yes' "deleting without a terminal: what to do"
expect 2 "a disk that is not whole GiB" ctl vm create x --disk 512MiB
said 'is not a whole number of GiB$' "a disk that is not whole GiB: says so"
expect 2 "a verb that is none" ctl node lst
said 'did you mean "node list"' "a verb that is none: did you mean"
for words in "vm move x --to n1" "node drain n1" "image list" "top" "vm create x --image debian" \
  "vm create x --disk 0 --on-lost restart"; do
  # shellcheck disable=SC2086 # words
  expect 2 "not there yet: $words" ctl $words
  said 'is not supported yet$' "not there yet: $words: says so"
done
for flag in ca cert key; do
  expect 2 "a file that is not there: --$flag" ctl vm list --addr 127.0.0.1:1 --$flag "$dir/pem"
done
expect 3 "a CA that is not there" env BLIXARD_CACERT="$dir/pem" "$build/blixardctl" vm list \
  --addr 127.0.0.1:1
said 'pem: No such file' "a CA that is not there: says so"
said '^hint: .*cluster ca show --out' "a CA that is not there: how to get it"
expect 3 "a certificate without a key" env BLIXARD_CACERT="$dir/pem" BLIXARD_CERT="$dir/crt" \
  "$build/blixardctl" vm list --addr 127.0.0.1:1
said 'cert without its --key' "a certificate without a key: says so"
expect 2 "another host without a CA" ctl vm list --addr 192.0.2.1:1
said 'the CA of the cluster is needed' "another host without a CA: says so"
expect 3 "certificates, and a socket that needs none" env BLIXARD_CACERT="$dir/pem" \
  "$build/blixardctl" vm list --addr "unix:$dir/a"
expect 2 "--wait and --no-wait" ctl vm create x --wait --no-wait
expect 2 "--start and --no-start" ctl vm create x --start --no-start
echo '{"vcpu": 2}' >"$dir/wrong.json"
expect 2 "create from a file with a mistyped name" ctl vm create x --file "$dir/wrong.json"
said 'vcpu: unknown field' "create from a file with a mistyped name: which"
expect 2 "events of a mistyped type" ctl events --type vm.crated
said 'did you mean vm.created' "events of a mistyped type: did you mean"
expect 2 "events of no type" ctl events --type lunch
expect 2 "a word too many" ctl vm list all
said 'unexpected argument "all"$' "a word too many: which"
expect 2 "a format that is none" ctl -o xml vm list
expect 2 "an address that is none" ctl --addr nowhere vm list
expect 2 "an address without a port" ctl --addr 127.0.0.1 vm list
said '^hint: .* --addr 127.0.0.1:PORT$' "an address without a port: what is missing"
expect 2 "a port that is none" ctl --addr 127.0.0.1:99999 vm list
expect 3 "an address that is none, in the environment" env BLIXARD_ADDR=nowhere "$build/blixardctl" vm list
expect 2 "an empty address" ctl --addr "" vm list
# --- contexts --------------------------------------------------------------------------
export XDG_CONFIG_HOME="$dir/config"
expect 0 "no context yet" ctl context list -o json
[ "$(tr -d ' \n' <"$dir/out")" = "[]" ]
ok $? "no context yet: []"
expect 2 "a context without an address" ctl context set prod
expect 2 "a context with an address that is none" ctl context set prod --addr nowhere
expect 0 "a first context" ctl context set prod --addr "unix:$dir/prod.sock" -o yaml
[ "$(stat -c %a "$dir/config/blixard/config.yaml")" = 600 ]
ok $? "a first context: for nobody else's eyes"
expect 0 "a second one" ctl context set lab --addr "unix:$dir/a,unix:$dir/lab.sock"
expect 0 "both" ctl context list -c name,current
[ "$(sed 's/ *$//' "$dir/out")" = "$(printf 'NAME CURRENT\nprod yes\nlab  no')" ]
ok $? "both: the first is current"
expect 3 "the current one is asked" ctl node list
said "unix:$dir/prod.sock: " "the current one is asked: its address"
expect 3 "another one is asked" ctl --context lab node list
said "unix:$dir/lab.sock: " "another one is asked: its address"
expect 3 "a flag outweighs the environment" env BLIXARD_ADDR="unix:$dir/env" \
  "$build/blixardctl" --context lab node list
said "unix:$dir/lab.sock: " "a flag outweighs the environment: its address"
expect 3 "the environment outweighs the current one" env BLIXARD_ADDR="unix:$dir/env" \
  "$build/blixardctl" node list
said "unix:$dir/env: " "the environment outweighs the current one: its address"
expect 0 "the context's format" ctl version
printed '^client: ' "the context's format: YAML"
expect 0 "another current one" ctl context use lab
expect 3 "it is asked" env BLIXARD_CONTEXT= "$build/blixardctl" node list
said "unix:$dir/lab.sock: " "it is asked: its address"
expect 3 "a context that is none" ctl --context prd node list
said 'did you mean prod' "a context that is none: did you mean"
expect 5 "deleting one that is none" ctl context delete stage
expect 0 "deleting one" ctl context delete lab
printf 'contexts: [' >"$dir/config/blixard/config.yaml"
expect 3 "a damaged file" ctl node list
printf 'current: a\ncontexts:\n  a:\n    addr: [h:1]\n' >"$dir/config/blixard/config.yaml"
expect 3 "a context without an address in the file" ctl node list
said 'a context has no addr$' "a context without an address in the file: says so"
expect 0 "which does not matter with an address" ctl --addr "unix:$dir/a" version
rm -r "$dir/config"

expect 3 "nobody anywhere" ctl --addr "unix:$dir/a,unix:$dir/b" vm create x
said "unix:$dir/a: .*unix:$dir/b: " "nobody anywhere: names both"
expect 0 "version without a server" ctl --addr "unix:$dir/a" version -o json
printed '"server": null' "version without a server: says so"

# --- one cluster, all well -----------------------------------------------------------
up 3
first=$(leader 1)
followers=()
for k in 1 2 3; do
  [ "$k" = "$first" ] || followers+=("$k")
done
near=${followers[0]} far=${followers[1]}
BLIXARD_ADDR=$(socket "$near")
export BLIXARD_ADDR

expect 2 "init with several addresses" ctl --addr "$(socket 1),$(socket 2)" cluster init
expect 6 "init of a member" ctl cluster init
expect 2 "the address for other nodes, without TLS" ctl --addr "$(ctl node show n1 -o json | field address)" vm list
said 'the server uses TLS' "the address for other nodes, without TLS: what is wrong"
expect 0 "the CA" ctl cluster ca show --out "$dir/ca.pem"
expect 3 "the address for other nodes" ctl --addr "$(ctl node show n1 -o json | field address)" --ca "$dir/ca.pem" vm list
said "is it blixardd's API?\$" "the address for other nodes: what is wrong"
expect 0 "the empty list is an array" ctl vm list -o json
[ "$(tr -d ' \n' <"$dir/out")" = "[]" ]
ok $? "the empty list is an array: []"
expect 0 "the empty list" ctl vm list
printed '^NAME PHASE NODE ' "the empty list: its first line"
expect 0 "the empty list without it" ctl vm list --no-headers
[ ! -s "$dir/out" ]
ok $? "the empty list without it: nothing"
expect 0 "create" ctl vm create far --node "n$far" --disk 0
printed "^far is running on n$far\$" "create: waits until it runs"
expect 0 "create, not started" ctl vm create calm --no-start --disk 0
echo ' {"vcpus": 3, "memory_mib": 256, "disk_gib": 0, "labels": {"app": "db"}, "stopped": true}' \
  >"$dir/vm.json"
expect 0 "create from a file" ctl vm create filed --file "$dir/vm.json" --vcpus 2
expect 0 "what is from a file" ctl vm show filed -o json
grep -q '"vcpus": 2' "$dir/out" && grep -q '"memory_mib": 256' "$dir/out" && grep -q '"app": "db"' "$dir/out"
ok $? "what is from a file: flags go before it"
expect 0 "and gone again" ctl vm delete filed --yes
expect 0 "metadata" ctl vm create noted --no-start --disk 0 --metadata owner=me --metadata ticket=42
expect 0 "metadata is shown" ctl vm show noted -o json
grep -q '"owner": "me"' "$dir/out" && grep -q '"ticket": "42"' "$dir/out"
ok $? "metadata is shown: all of it"
expect 0 "metadata in SQL" ctl sql "SELECT metadata FROM vms WHERE name = 'noted'" -o csv
grep -q 'owner.*me.*ticket.*42' "$dir/out"
ok $? "metadata in SQL: as JSON"
expect 2 "metadata without a value" ctl vm create x --metadata owner
grep -q '"owner" is not KEY=VALUE' "$dir/err"
ok $? "metadata without a value: is refused"
expect 0 "what was noted goes" ctl vm delete noted --yes
echo ' {"disk_gib": 0, "metadata": {"from": "file"}, "stopped": true}' >"$dir/vm.json"
expect 0 "metadata from a file" ctl vm create filed --file "$dir/vm.json"
expect 0 "metadata from a file is shown" ctl vm show filed -o json
printed '"from": "file"' "metadata from a file is shown: all of it"
expect 0 "and that one goes" ctl vm delete filed --yes
expect 0 "an existing one that is stopped" ctl vm create calm --if-not-exists --no-start --disk 0
expect 0 "and one stopped later" ctl vm stop far
expect 0 "is fine, and left alone" ctl vm create far --if-not-exists --disk 0
printed '^far is stopped' "is fine, and left alone: stopped"
expect 0 "start" ctl vm start far
run_of() { ctl vm show "$1" -o json | grep -e '"uuid"' -e '"epoch"' -e '"phase"'; }
before=$(run_of far)
expect 0 "rename" ctl vm rename far away
printed '^away is running' "rename: the new name"
[ "$(run_of away)" = "$before" ]
ok $? "rename: the same VM in the same run"
expect 5 "the old name is gone" ctl vm show far
expect 0 "its event" ctl events --since 0 --type vm.renamed -o json
tr -d ' \n' <"$dir/out" | grep -q '"object":"away".*"detail":"far"'
ok $? "its event: both names"
expect 0 "rename to the name it has" ctl vm rename away away
expect 6 "rename to a name that is taken" ctl vm rename away calm
said 'hint: choose another name' "rename to a name that is taken: what to do"
expect 5 "rename of nobody" ctl vm rename nobody x
expect 2 "rename to no valid name" ctl vm rename away A_B
expect 2 "rename without a new name" ctl vm rename away
expect 0 "rename with an id" ctl vm rename away far --request-id 0123456789abcdef0123456789abcdef
expect 0 "rename with that id again" ctl vm rename away far --request-id 0123456789abcdef0123456789abcdef
expect 0 "rename again, done once" ctl vm show far
expect 0 "the environment chooses the format" env BLIXARD_OUTPUT=json "$build/blixardctl" vm list
printed '"name": "far"' "the environment chooses the format: json"
expect 0 "a flag outweighs it" env BLIXARD_OUTPUT=json "$build/blixardctl" vm list -o table
printed '^NAME ' "a flag outweighs it: table"
expect 0 "flags before the noun" ctl --type vm.created --since 0 events -o name
expect 2 "a stop that takes no time" ctl vm stop calm --timeout 0
expect 2 "no bytes of a log" ctl vm logs calm --bytes 0
expect 0 "no headers" ctl vm list --no-headers
[ "$(wc -l <"$dir/out")" -eq 2 ]
ok $? "no headers: two lines for two VMs"
printf '\033' >"$dir/esc"
! grep -qF -f "$dir/esc" "$dir/out"
ok $? "no colour where there is no terminal"
expect 0 "wide" ctl vm list -o wide
printed '^NAME .* UUID ' "wide: more columns"
expect 0 "csv" ctl vm list -o csv -c name,labels
[ "$(cat "$dir/out")" = "$(printf 'name,labels\ncalm,{}\nfar,{}')" ]
ok $? "csv: these columns"
expect 0 "names" ctl vm list -o name
[ "$(cat "$dir/out")" = "$(printf 'calm\nfar')" ]
ok $? "names: one a line"
expect 0 "yaml" ctl vm show calm -o yaml
printed '^phase: stopped$' "yaml: the object"
expect 0 "columns of one" ctl vm show calm -c name,phase
[ "$(cat "$dir/out")" = "$(printf 'NAME PHASE\ncalm stopped')" ]
ok $? "columns of one: a row"
expect 2 "a column that is none" ctl vm list -c NAM
said 'did you mean NAME' "a column that is none: did you mean"
expect 2 "columns where there are none" ctl version -c name
expect 2 "columns of JSON" ctl vm list -o json -c name
for words in "vm list" "vm show calm" "vm explain calm" "node list" "node show n1" "events" \
  "cluster status" "cluster members" "version"; do
  for format in table wide csv json yaml name; do
    # shellcheck disable=SC2086 # words
    ctl $words -o $format >"$dir/out" 2>"$dir/err" && [ -s "$dir/out" ]
    ok $? "$words -o $format"
  done
done
for format in table wide csv json yaml name; do
  ctl sql "SELECT name FROM vms" -o $format >"$dir/out" 2>"$dir/err" && grep -q calm "$dir/out"
  ok $? "sql -o $format"
done
expect 0 "a number with a fraction" ctl sql "SELECT 1.5 AS x, avg(vcpus) AS y FROM vms" --no-headers
printed '^1.5 [0-9.]*$' "a number with a fraction: is shown"
expect 0 "events" ctl events
printed '^INDEX .* TIME ' "events: with their time"
expect 0 "the status" ctl cluster status
printed '^leader *n[123]$' "the status: the leader by its name"
expect 0 "an empty table" ctl sql "SELECT name, phase FROM vms WHERE name = ''"
[ "$(cat "$dir/out")" = "name phase" ]
ok $? "an empty table: its first line"
watch_for() { timeout --foreground --preserve-status -s INT "$1" "$build/blixardctl" vm list -w -o name; }
expect 130 "watching" watch_for 3
[ "$(grep -c '^calm$' "$dir/out")" -ge 2 ]
ok $? "watching: more than once"
expect 2 "watching a write" ctl vm start calm --watch
expect 5 "watching what is not there" ctl vm show nobody -w

# complete WORDS...: what tab offers behind them
ctl completion bash >"$dir/completion"
complete_words()
{
  BLIXARD_PATH=$build bash -c 'PATH=$BLIXARD_PATH:$PATH; . "$1"; shift; COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1)); _blixardctl; printf "%s " "${COMPREPLY[@]}"' - "$dir/completion" "$@"
}
[ "$(complete_words blixardctl v)" = "vm version " ]
ok $? "completion: nouns"
[ "$(complete_words blixardctl -o json vm st)" = "start stop " ]
ok $? "completion: verbs, behind a flag with a value"
[ "$(complete_words blixardctl vm create x --if)" = "--if-not-exists " ]
ok $? "completion: flags"
[ "$(complete_words blixardctl vm show c)" = "calm " ]
ok $? "completion: names"
[ "$(complete_words blixardctl cluster token c)" = "create " ]
ok $? "completion: the third word of a command"
[ "$(complete_words blixardctl vm create x --node n)" = "n1 n2 n3 " ]
ok $? "completion: names behind a flag"
[ "$(complete_words blixardctl vm list -o y)" = "yaml " ]
ok $? "completion: values of a flag"
[ "$(complete_words blixardctl completion f)" = "fish " ]
ok $? "completion: values of a word"
[ "$(complete_words blixardctl help no)" = "node " ]
ok $? "completion: behind help"
[ "$(complete_words blixardctl events --type vm.ren)" = "vm.renamed " ]
ok $? "completion: types of events"
[ "$(complete_words blixardctl vm list --phase cr)" = "creating " ]
ok $? "completion: phases"
[ "$(complete_words blixardctl vm list -c na)" = "name " ]
ok $? "completion: columns"
[ "$(complete_words blixardctl node list --columns name,capacity.m)" = "name,capacity.memory_mib " ]
ok $? "completion: columns behind a comma"
expect 0 "completion for zsh" ctl completion zsh
expect 0 "completion for fish" ctl completion fish
expect 2 "completion for none" ctl completion sh
expect 0 "quiet" ctl vm start far -q
[ ! -s "$dir/out" ] && [ ! -s "$dir/err" ]
ok $? "quiet: says nothing"
expect 1 "a full disk behind stdout" full ctl vm list -o json
expect 1 "events that nobody can read" full ctl events --follow
closed() { "$@" >&-; }
expect 1 "a stdout that is closed" closed ctl vm list -o json
expect 0 "a read that waits for nothing" ctl vm list --no-wait
endless='WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c'
expect 8 "SQL without an end" ctl sql "$endless" --addr "$(socket 1),$(socket 2),$(socket 3)"
said '^hint: .*LIMIT' "SQL without an end: what to do"

expect 0 "doctor" ctl doctor --addr "$(socket 1),$(socket 2),$(socket 3)"
[ "$(grep -c '^address *ok ' "$dir/out")" -eq 3 ] && ! grep -qE ' (failed|warning) ' "$dir/out"
ok $? "doctor: all is well"
printed '^nodes *ok *3 nodes, healthy$' "doctor: how many nodes are"

# --- a benchmark leaves nothing behind -----------------------------------------------
expect 0 "bench" ctl bench --count 100 --clients 8 --acked "$dir/acked" -o json
printed '"created": 100,' "bench: how many were created"
[ "$(sort -u "$dir/acked" | wc -l)" -eq 100 ]
ok $? "bench: the acknowledged names"
expect 0 "bench: what is left" ctl vm list --no-headers
[ "$(wc -l <"$dir/out")" -eq 2 ]
ok $? "bench: nothing is left"
expect 0 "bench --keep" ctl bench --count 3 --prefix kept --keep --start
expect 0 "bench --keep: the VM is there" ctl vm delete kept-2 --yes
expect 6 "bench over names that are taken" ctl bench --count 2 --prefix kept --keep
expect 2 "bench without clients" ctl bench --clients 0
expect 2 "bench of a process that is none" ctl bench --count 1 --pid x
ctl vm delete kept-0 --yes >/dev/null && ctl vm delete kept-1 --yes >/dev/null

# --- a node that is silent -----------------------------------------------------------
pause "$far"
expect 130 "Ctrl-C after a failure" interrupt vm stop nobody far
said '^error: no VM "nobody"$' "Ctrl-C after a failure: which"
expect 8 "a wait that ends too early" ctl vm delete far --yes --timeout 2s
said 'blixardctl vm show far' "a wait that ends too early: how to look"
expect 130 "Ctrl-C while waiting" interrupt vm delete far --yes
said 'far continues; its id is [0-9a-f]\{32\}$' "Ctrl-C while waiting: it goes on under an id"
expect 0 "the next address is asked" ctl --addr "$(socket "$far"),$(socket "$near")" vm show calm
expect 0 "also by sql" ctl --addr "$(socket "$far"),$(socket "$near")" sql "SELECT name FROM vms"
expect 3 "no other address" ctl --addr "$(socket "$far")" vm create once --disk 0 --node "n$near" \
  --timeout 300ms
said '--request-id [0-9a-f]\{32\}$' "no other address: how to repeat it"
id=$(grep -o '[0-9a-f]\{32\}$' "$dir/err")
resume
wait_until 30 gone far
ok $? "what went on is done"
expect 0 "repeated under its id" ctl vm create once --disk 0 --node "n$near" --request-id "$id"
expect 0 "and once more" ctl --addr "$(socket "$far")" vm create once --disk 0 --node "n$near" \
  --request-id "$id"
[ "$(ctl events -o json --type vm.created | grep -c '"object":"once"')" -eq 1 ]
ok $? "and once more: created once"

# --- events over a node's death ------------------------------------------------------
"$build/blixardctl" events --follow -o json --addr "$(socket "$far"),$(socket "$near")" \
  >"$dir/events" 2>"$dir/follow.err" </dev/null &
follower=$!
wait_until 10 events_with once
ok $? "what was, is told"
cluster kill-node "n$far" --dir "$dir" >/dev/null 2>&1
expect 0 "a VM after the death" ctl vm create later --node "n$near" --disk 0
wait_until 10 events_with later
ok $? "what comes later is told by another node"
cluster start-node "n$far" --dir "$dir" >/dev/null 2>&1
kill -INT "$follower"
wait "$follower"
[ $? -eq 130 ]
ok $? "Ctrl-C ends it: exit code 130"
sed 's/^{"index":\([0-9]*\),.*/\1/' "$dir/events" >"$dir/out"
[ -s "$dir/out" ] && [ "$(cat "$dir/out")" = "$(seq 1 "$(tail -n 1 "$dir/out")")" ]
ok $? "no event is missing, none is told twice"

# --- no quorum -----------------------------------------------------------------------
cluster kill-node "n$far" --dir "$dir" >/dev/null 2>&1
cluster kill-node "n$first" --dir "$dir" >/dev/null 2>&1
expect 7 "a write without quorum" ctl vm create lone --disk 0 --node "n$near" --timeout 1s
said '^hint: to make sure, repeat it with --request-id [0-9a-f]\{32\}$' "a write without quorum: how to repeat it"
id=$(grep -o '[0-9a-f]\{32\}$' "$dir/err")
expect 7 "a dead address beside it" ctl --addr "$(socket "$far"),$(socket "$near")" \
  vm create lonely --disk 0 --timeout 3s
expect 130 "Ctrl-C before it is decided" interrupt vm create lonely --disk 0
said 'may have been carried out; .* --request-id [0-9a-f]\{32\}$' "Ctrl-C before it is decided: says so"
expect 130 "Ctrl-C before a node is removed" interrupt node remove nobody
said 'may have been carried out; .* --request-id [0-9a-f]\{32\}$' "Ctrl-C before a node is removed: says so"
expect 7 "a read without quorum" ctl vm list --timeout 1s
expect 0 "a stale one" ctl vm list --consistency stale
said '^stale: [0-9]* ms old$' "a stale one: says how old"
expect 0 "the cluster's status" ctl cluster status
expect 1 "doctor without quorum" ctl doctor --addr "$(socket "$far"),$(socket "$near")"
printed '^address *failed .*/n'"$far"'/' "doctor without quorum: who does not answer"
printed '^quorum *failed ' "doctor without quorum: that there is none"
expect 3 "doctor without anybody" ctl doctor --addr "$(socket "$far")"
cluster start-node "n$first" --dir "$dir" >/dev/null 2>&1
expect 0 "with quorum it works again" ctl vm create together --node "n$near" --disk 0 --timeout 30s
running once
ok $? "what was acknowledged is still there"
expect 0 "the write is repeated under its id" ctl vm create lone --disk 0 --node "n$near" --request-id "$id"
[ "$(ctl events -o json --type vm.created | grep -c '"object":"lone"')" -eq 1 ]
ok $? "the write is repeated under its id: done once"

# --- a machine that can not start ----------------------------------------------------
if command -v qemu-system-x86_64 >/dev/null 2>&1; then
  cluster up --nodes 1 --dir "$dir/qemu" --driver qemu >"$dir/out" 2>"$dir/err"
  ok $? "a host with QEMU"
  BLIXARD_ADDR="unix:$dir/qemu/n1/blixard.sock"
  for policy in always never; do
    expect 1 "no kernel, restart $policy" ctl vm create "$policy" --disk 0 --restart "$policy" \
      --kernel "$dir/qemu/n1/boot/none"
    said "no such file: $dir/qemu/n1/boot/none" "no kernel, restart $policy: says so at once"
  done
  said 'VM "never" failed: no such file' "no kernel, restart never: it has failed"
  backs_off() { ctl vm show always -o json | tr -d ' \n' | grep -q '"phase":"backoff".*"failures":[1-9]'; }
  wait_until 30 backs_off
  ok $? "no kernel, restart always: it backs off"
  expect 0 "it backs off: listed" ctl vm list --phase backoff
  printed '^always  *backoff .*no such file: ' "it backs off: listed, with the reason"
  printed 'FAILURES  *NEXT TRY' "it backs off: listed, how often and until when"
  expect 0 "it backs off: in SQL" ctl sql "SELECT name, phase, failures > 0 AS failed, message FROM vms WHERE phase = 'backoff'"
  printed '^always  *backoff  *1  *no such file: ' "it backs off: in SQL, with the reason"
  expect 1 "it backs off: the doctor says so" ctl doctor
  printed '^vms  *failed  *2 of 2: always backoff (no such file' "it backs off: the doctor says why"
  expect 0 "it backs off: the events say why" ctl events --type vm.phase
  printed 'backoff: no such file' "it backs off: the events say why"
  expect 0 "it backs off: starting it" ctl vm start always --no-wait
  expect 1 "it backs off: waiting for it" ctl vm restart always
  said 'VM "always" failed to start (no such file: .*); retrying in [0-9]* s' "it backs off: until when"
  grep -q 'vm: failed to start; .* vm=always .*err=.*no such file.*in_s=[0-9]' "$dir"/qemu/n1/*log
  ok $? "it backs off: the daemon logs it"
  for vm in always never; do ctl vm delete $vm --yes >/dev/null; done
  expect 1 "a file of the host" ctl vm create shadow --disk 0 --kernel /etc/shadow
  said '/etc/shadow is not in a boot directory of this node' "a file of the host: says so"
  said 'copy it there, or set --boot-dir' "a file of the host: what to do"
  expect 5 "a file of the host: no console" ctl vm logs shadow
  vms=$dir/qemu/n1/vms
  ctl vm delete shadow --yes >/dev/null
  if guest=$("$src/contrib/make-test-guest.sh" "${XDG_CACHE_HOME:-$HOME/.cache}/blixard/test-guest" 2>/dev/null); then
    cp "$(sed -n s/^KERNEL=//p <<<"$guest")" "$(sed -n s/^INITRD=//p <<<"$guest")" "$dir/qemu/n1/boot"
    boot=(--memory 96MiB --disk 0 --kernel "$dir/qemu/n1/boot/vmlinuz" --initrd "$dir/qemu/n1/boot/initrd")
    speaks() { ctl vm logs "$@" 2>/dev/null | grep -q 'blixard: cmdline'; }
    expect 0 "a guest" ctl vm create guest "${boot[@]}"
    wait_until 90 speaks guest
    ok $? "a guest: its console"
    expect 5 "a guest: no run before" ctl vm logs guest --previous
    ctl vm logs guest --follow --bytes 1 >"$dir/follow" 2>&1 &
    follower=$!
    wait_until 90 test -s "$dir/follow"
    expect 0 "it is stopped" ctl vm stop guest --force
    wait "$follower" && cmp -s <(ctl vm logs guest | tail -c "$(stat -c %s "$dir/follow")") "$dir/follow"
    ok $? "whoever followed its console has all of it, and was told the end"
    expect 0 "it is stopped: shown" ctl vm show guest
    printed '^last_exit *killed on request$' "it is stopped: why"
    printed '^last_exited *20..-' "it is stopped: when"
    speaks guest
    ok $? "it is stopped: the console is still there"
    expect 0 "and started again" ctl vm start guest
    wait_until 90 speaks guest --previous
    ok $? "and started again: the console of the run before"
    expect 5 "and started again: of no other run" ctl vm logs guest --previous --previous
    expect 0 "the guest is deleted" ctl vm delete guest --yes
    expect 0 "a guest that reboots" ctl vm create again "${boot[@]}" --restart never \
      --cmdline 'console=ttyS0 reboot=t panic=-1 quiet blixard.end=reboot'
    said_nothing() { [ ! -s "$dir/err" ]; }
    said_nothing
    ok $? "a guest that reboots: nothing is missing"
    has_rebooted() { ctl vm show again -o json | tr -d ' \n' | grep -q '"phase":"running".*"epoch":1,.*"reboots":[1-9]'; }
    wait_until 120 has_rebooted
    ok $? "a guest that reboots: counted, in the same run"
    expect 0 "a guest that reboots: listed" ctl vm list
    printed 'REBOOTS' "a guest that reboots: listed, how often"
    expect 0 "a guest that reboots: its events" ctl events --type vm.rebooted
    printed 'vm.rebooted  *again  *n1 .* [1-9][0-9]* in this run$' "a guest that reboots: its events"
    expect 0 "a guest that reboots: deleted" ctl vm delete again --yes
  else
    echo "# SKIP a guest's consoles: contrib/make-test-guest.sh says why"
  fi
  expect 0 "a machine with a disk" ctl vm create disk --disk 1GiB --memory 64MiB
  said 'disk has no --kernel: nothing boots in it' "a machine with a disk: says what it has not"
  [ "$(find "$vms" -name disk.raw | wc -l)" -eq 1 ]
  ok $? "a machine with a disk: it is there"
  expect 0 "stopped" ctl vm stop disk
  [ "$(find "$vms" -name disk.raw | wc -l)" -eq 1 ]
  ok $? "stopped: it is there"
  expect 0 "deleted" ctl vm delete disk --yes
  nothing_left() { [ -z "$(ls -A "$vms")" ]; }
  wait_until 10 nothing_left
  ok $? "deleted: nothing is left"
  expect 0 "one that runs" ctl vm create disk --disk 1GiB --memory 64MiB
  # The last thread of a process that was killed may hold the lock for a while.
  unlocked() { flock -n "$dir/qemu/n1/lock" true; }
  kill_n1() { cluster kill-node n1 --dir "$dir/qemu" >/dev/null 2>&1; wait_until 60 unlocked; }
  kill_n1
  expect 6 "forgetting the cluster while it runs" "$build/blixardd" --data "$dir/qemu/n1" --forget-cluster
  said '1 VM still runs: ' "forgetting the cluster while it runs: says so"
  cluster start-node n1 --dir "$dir/qemu" >/dev/null 2>&1
  expect 0 "deleted while it runs" ctl vm delete disk --yes --timeout 30s
  wait_until 10 nothing_left
  ok $? "deleted while it runs: nothing is left"
  expect 0 "a disk to keep" ctl vm create precious --disk 1GiB --memory 64MiB
  kept=$(find "$vms" -name disk.raw)
  printf precious | dd of="$kept" conv=notrunc status=none
  expect 0 "a disk to keep: stopped" ctl vm stop precious
  kill_n1
  expect 0 "the cluster is forgotten" "$build/blixardd" --data "$dir/qemu/n1" --forget-cluster
  for k in 1 2; do # what a daemon finds that it has no use for, it looks for when it starts
    cluster start-node n1 --dir "$dir/qemu" >/dev/null 2>&1
    [ "$k" -eq 2 ] || expect 0 "another cluster" ctl cluster init
    expect 0 "another cluster: a disk of its own" ctl vm create "own-$k" --disk 1GiB --memory 64MiB --timeout 30s
    expect 0 "another cluster: deleted" ctl vm delete "own-$k" --yes --timeout 30s
    only_kept() { [ "$(find "$vms" -name disk.raw)" = "$kept" ]; }
    wait_until 10 only_kept && [ "$(head -c 8 "$kept")" = precious ]
    ok $? "another cluster: the disk of the one that was forgotten is still there"
    kill_n1
  done
  cluster down --dir "$dir/qemu" >/dev/null 2>&1
else
  echo "# SKIP a machine that can not start: qemu-system-x86_64 is not installed"
fi
finish
