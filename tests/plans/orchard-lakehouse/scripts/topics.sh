#!/bin/bash
set -e
rpk topic create orchard.sensors --brokers "$REDPANDA_BROKER" || true
