#!/bin/sh
# As in the official image: options alone are memcached's.
set -e
case "$1" in
  -*) set -- memcached "$@" ;;
esac
exec "$@"
