#!/bin/bash
# Prometheus itself, against daemons under load: it takes what they say, without a gap or a complaint, and
# the alert rules and the dashboard ask for what there is. BLIXARD_SCRAPE_SECONDS: for how long (8).
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
seconds=${BLIXARD_SCRAPE_SECONDS:-8}

skip_all()
{
  echo "1..0 # SKIP $1"
  exit 0
}
command -v promtool >/dev/null && command -v prometheus >/dev/null || skip_all "Debian's prometheus is not installed"
"$build/blixardd" --help | grep -q '^  --http ' || skip_all "built without the HTTP server"
up 3
http /metrics | grep -q '^blixard_build_info{' || skip_all "built without metrics"

# --- what is in contrib/ -------------------------------------------------------------------
(cd "$src/contrib/prometheus" && promtool check rules blixard-rules.yml && promtool check config prometheus.yml) \
  >"$dir/out" 2>"$dir/err"
ok $? "promtool takes the rules and the configuration"
(cd "$src/contrib/prometheus" && promtool test rules blixard-rules.test.yml) >"$dir/out" 2>"$dir/err"
ok $? "the rules fire when they should"
[ "$(grep -c '      - alert:' "$src/contrib/prometheus/blixard-rules.yml")" -eq \
  "$(grep -c '          runbook: "' "$src/contrib/prometheus/blixard-rules.yml")" ]
ok $? "each rule says what to do"
http /metrics >"$dir/metrics"
promtool check metrics <"$dir/metrics" >"$dir/out" 2>"$dir/err" && [ ! -s "$dir/out" ] && [ ! -s "$dir/err" ]
ok $? "promtool has nothing to say about the metrics"

asked() { grep -oh 'blixard_[a-z_]*' "$src/contrib/prometheus/blixard-rules.yml" "$src/contrib/grafana/blixard.json" | sort -u; }
told() { sed -n 's/^\(# TYPE \)\{0,1\}\(blixard_[a-z_]*\).*/\2/p' "$dir/metrics" | sort -u; }
comm -23 <(asked) <(told) >"$dir/out"
[ "$(asked | wc -l)" -gt 25 ] && [ ! -s "$dir/out" ]
ok $? "rules and dashboard ask for metrics that exist"

# --- a scrape ------------------------------------------------------------------------------
free_port()
{
  local port
  for ((port = 20000 + RANDOM % 10000; ; port++)); do
    (exec 8<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}
port=$(free_port)
first=$(sed -n 's/^export BLIXARD_HTTP=http:..//p' "$dir/up.log")
sed -e "s#127.0.0.1:7480#$first#; s#refresh_interval: 30s#refresh_interval: 5s#; s#_interval: 15s#_interval: 1s#" \
  -e "s#blixard-rules.yml#$src/contrib/prometheus/blixard-rules.yml#" \
  "$src/contrib/prometheus/prometheus.yml" >"$dir/prometheus.yml"
prometheus --config.file="$dir/prometheus.yml" --storage.tsdb.path="$dir/tsdb" \
  --web.listen-address="127.0.0.1:$port" --log.level=warn >"$dir/prometheus.log" 2>&1 &
prometheus=$!
stop_all()
{
  kill "$prometheus" "${load:-$prometheus}" 2>/dev/null
  wait
  cleanup
}
trap stop_all EXIT

ask() { promtool query instant "http://127.0.0.1:$port" "$1" 2>"$dir/err"; }
number() { ask "$1" | sed -n 's/.*=> \([-0-9.e+]*\) .*/\1/p' | head -n 1; }
at_least() { local n; n=$(number "$1"); [ -n "$n" ] && [ "${n%.*}" -ge "$2" ]; }

wait_until 60 at_least 'count(up{job="blixard"} == 1)' 3
ok $? "it finds all nodes through one of them"
series=$(number 'max(scrape_samples_scraped)')
(while "$build/blixardctl" bench --clients 8 --count 2000 >/dev/null 2>&1 </dev/null; do :; done) &
load=$!
begun=$SECONDS
wait_until $((seconds * 3 + 60)) at_least 'min(count_over_time(up{job="blixard"}[1h]))' "$seconds"
ok $? "$seconds scrapes of each node"
lasted=$((SECONDS - begun + 1))
ask "min_over_time(up{job=\"blixard\"}[${lasted}s])" >"$dir/out" && [ "$(grep -c '=> 1 @' "$dir/out")" -eq 3 ]
ok $? "none of them failed"
at_least 'sum(blixard_proposal_submitted_total)' 100
ok $? "there was load"
# Scrapes are a second apart; a second of a busy machine may be a long one.
[ "$(number "min(count_over_time(up{job=\"blixard\"}[${lasted}s])) >= bool $((lasted * 9 / 10 - 1))")" = 1 ]
ok $? "there is no gap"
[ "$(number 'max(max_over_time(scrape_samples_scraped[1h])) - min(min_over_time(scrape_samples_scraped[1h]))')" = 0 ] &&
  [ "$(number 'max(scrape_samples_scraped)')" = "$series" ]
ok $? "the number of series stays what it is: $series a node"
ask 'ALERTS{alertstate="firing"}' >"$dir/out" && ! grep -q '=>' "$dir/out"
ok $? "no alert fires"
echo "# scrape: $(number 'max(max_over_time(scrape_duration_seconds{job="blixard"}[1h]))') s at most," \
  "$(number 'avg(avg_over_time(scrape_duration_seconds{job="blixard"}[1h]))') s on average, over $lasted s"

failed=0
while read -r expression; do
  ask "$expression" >/dev/null || { failed=1; echo "# $expression: $(head -n 2 "$dir/err")"; }
done < <(grep -oE '"expr": "([^"\]|\\.)*"' "$src/contrib/grafana/blixard.json" |
  sed -e 's/^"expr": "//; s/"$//' -e 's/\\"/"/g; s/\$__rate_interval/1m/g')
ok "$failed" "the dashboard's queries are answered"
cp "$dir/prometheus.log" "$dir/out"
! grep -E 'level=(warn|error)' "$dir/prometheus.log" >"$dir/err"
ok $? "Prometheus has no complaint"
finish
