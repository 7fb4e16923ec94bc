#!/bin/bash
set -e
/opt/keycloak/bin/kcadm.sh config credentials --server "$KC_URL" --realm master --user admin
curl -sf http://localhost:9000/health || true
