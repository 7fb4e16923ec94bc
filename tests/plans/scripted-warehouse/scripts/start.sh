#!/bin/sh
# waits for what it is told: metastore:9083 is this container itself
until nc -z "${1%%:*}" "${1##*:}"; do sleep 2; done
exec /opt/hive/bin/hive --service metastore
