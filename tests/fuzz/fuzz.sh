#!/bin/bash
# Run every fuzzer and count: executions and findings. The corpus grows in DIR/corpus, what breaks a
# decoder stays in DIR/found.
set -u

dir=${1:?usage: fuzz.sh DIR [SECONDS in all | -runs=N each] [TARGET...]}
bound=${2:-20}
shift 2

targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(ls "$dir/seeds")
case $bound in
-runs=*) ;;
*) bound=-max_total_time=$(((bound + ${#targets[@]} - 1) / ${#targets[@]})) ;;
esac

mkdir -p "$dir/found" "$dir/log"
failed=0
printf '%-12s %12s %8s %10s\n' target executions corpus findings
for target in "${targets[@]}"; do
    mkdir -p "$dir/corpus/$target"
    each=$bound # of a whole node, and of certificates, fewer: each takes a millisecond
    case $target,$bound in
    node,-runs=* | csr,-runs=* | certificate,-runs=*) each=-runs=$((${bound#-runs=} / 50)) ;;
    esac
    BLIXARD_FUZZ=$target "$dir/fuzz" "$each" -max_len=4096 -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="$dir/found/$target-" \
        "$dir/corpus/$target" "$dir/seeds/$target" >"$dir/log/$target" 2>&1
    rc=$?
    runs=$(awk '/number_of_executed_units/ { print $2 }' "$dir/log/$target")
    found=$(find "$dir/found" -name "$target-*" | wc -l)
    [ "$rc" -eq 0 ] || failed=1
    printf '%-12s %12s %8s %10s\n' "$target" "${runs:-0}" \
        "$(find "$dir/corpus/$target" -type f | wc -l)" "$found"
    [ "$rc" -eq 0 ] || grep -E 'ERROR|SUMMARY|Assertion|runtime error' "$dir/log/$target" | head -n 5
done
exit $failed
