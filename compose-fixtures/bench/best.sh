#!/usr/bin/env bash
# The best that a shell script can do: one `docker exec` for each container, eight at a time, with all of its checks at once.
#
#   best.sh seven
#   best.sh many CLIENT...    containers by name
set -uo pipefail

# What is quoted is for the shell in the container.
# shellcheck disable=SC2016
seven='
  mysql -h mysql -u orders -porders-secret shop -e "SELECT 1" > /dev/null & a=$!
  redis-cli -h redis PING > /dev/null & b=$!
  kcat -L -m 2 -b kafka:9092 > /dev/null & c=$!
  curl -sf -m 2 -o /dev/null http://catalog/ & d=$!
  wait $a && wait $b && wait $c && wait $d'
# shellcheck disable=SC2016
many='
  for port in $(seq 7001 7010); do
    timeout 2 bash -c "exec 3<> /dev/tcp/servers/$port && echo PING >&3 && read -r answer <&3" & checks="$checks $!"
  done
  for check in $checks; do wait $check || exit 1; done'

case $1 in
  seven) checks=$seven containers=(ccb-seven-{orders,billing,reports}-1) ;;
  many) checks=$many containers=("${@:2}") ;;
esac
printf '%s\0' "${containers[@]}" | xargs -0 -P 8 -I '{}' docker exec '{}' bash -c "$checks"
