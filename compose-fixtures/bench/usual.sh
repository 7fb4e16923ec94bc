#!/usr/bin/env bash
# The usual shell script: one `docker exec` for each check, one after another. Prints what failed.
#
#   usual.sh seven
#   usual.sh many CLIENT...    containers by name
set -uo pipefail
failed=0

# check CONTAINER COMMAND...
check() {
  docker exec "$@" > /dev/null 2>&1 || { echo "failed: $*" && failed=1; }
}

case $1 in
  seven)
    for client in orders billing reports; do
      container=ccb-seven-$client-1
      check "$container" mysql -h mysql -u orders -porders-secret shop -e 'SELECT 1'
      check "$container" redis-cli -h redis PING
      check "$container" kcat -L -m 2 -b kafka:9092
      check "$container" curl -sf -m 2 http://catalog/
    done
    ;;
  many)
    # What nearly every image has: bash, and its own connections.
    for container in "${@:2}"; do
      for port in {7001..7010}; do
        check "$container" timeout 2 bash -c "exec 3<> /dev/tcp/servers/$port && echo PING >&3 && read -r answer <&3"
      done
    done
    ;;
esac
exit "$failed"
