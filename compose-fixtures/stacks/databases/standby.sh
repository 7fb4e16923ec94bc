# Sourced by the entrypoint when the volume is empty: from its next start on the server only recovers.
touch "$PGDATA/standby.signal"
