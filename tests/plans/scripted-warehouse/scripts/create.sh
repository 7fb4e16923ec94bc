#!/bin/sh
# http://boards:3000 must be up first
echo "creating the data source at http://boards:3000"
until curl -sf http://boards:3000/api/health; do
  sleep 1
done
curl -s -X POST -H 'Content-Type: application/json' -d '{"name": "hive", "type": "x"}' http://boards:3000/api/datasources
