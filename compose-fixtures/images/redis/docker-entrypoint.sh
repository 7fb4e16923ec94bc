#!/bin/sh
# The official image is built with protected mode off by default. Debian's server is not, so
# the default is set in a configuration that includes the user's, which may still turn it on.
set -e
case "$1" in
  -* | *.conf) set -- redis-server "$@" ;;
esac
if [ "$1" = redis-server ]; then
  if [ "$(id -u)" = 0 ]; then
    find . \! -user redis -exec chown redis '{}' +
    exec setpriv --reuid=redis --regid=redis --init-groups "$0" "$@"
  fi
  shift
  echo "protected-mode no" > /tmp/default.conf
  case "$1" in
    -v | --version | -h | --help) exec redis-server "$1" ;;
    "" | -*) ;;
    *)
      echo "include $1" >> /tmp/default.conf
      shift
      ;;
  esac
  exec redis-server /tmp/default.conf "$@"
fi
exec "$@"
