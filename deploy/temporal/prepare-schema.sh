#!/bin/sh
# Creates Temporal's two databases, and brings their schemas up to this version's. Safe to repeat: after an upgrade of
# the image, the next start applies what is new. The connection is in SQL_PLUGIN, SQL_HOST, SQL_USER, SQL_PASSWORD.
set -eu

prepare() {
  temporal-sql-tool --db "$1" create
  temporal-sql-tool --db "$1" setup-schema -v 0.0
  temporal-sql-tool --db "$1" update-schema -d "/etc/temporal/schema/postgresql/v12/$2/versioned"
}

prepare temporal temporal
prepare temporal_visibility visibility
