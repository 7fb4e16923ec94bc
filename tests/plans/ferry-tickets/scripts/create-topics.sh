#!/usr/bin/env bash
set -euo pipefail
BROKER="${BROKER:-kafka:9092}"
TOPICS="/opt/kafka/bin/kafka-topics.sh"

# Not the one for other machines: kafka:9094
for topic in tickets boardings; do
  "$TOPICS" --bootstrap-server "$BROKER" --create --if-not-exists --topic "$topic"
done
