#!/bin/bash
# Starts the node. This must be bash: other shells drop variables whose names have dots, and those are the settings.
# shellcheck disable=SC2086 # the options are meant to be split
exec java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xms128m -Xmx256m ${OPENSEARCH_JAVA_OPTS:-} \
  -Dlog4j2.configurationFile=config/log4j2.properties -cp 'classes:lib/*' FixtureNode
