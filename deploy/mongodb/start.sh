#!/bin/bash
# Starts MongoDB as a replica set of one member, with access control.
set -euo pipefail

# With access control on, members of a replica set prove themselves to each other by a shared key, and mongod doesn't
# start without one. The only member may have a new one at every start, so nobody has to keep it.
umask 077
head --bytes=512 /dev/urandom | base64 --wrap=0 > /tmp/replica-set.key

exec docker-entrypoint.sh mongod --replSet concord --keyFile /tmp/replica-set.key --bind_ip_all
