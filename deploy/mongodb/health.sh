#!/bin/bash
# Healthy means: the server accepts writes, as the primary of its replica set. It is asked without mongosh, which would take
# over 100 MB and a second of the processor each time; mongosh makes it a replica set, as long as it is not a primary.
set -euo pipefail
port=${1:-27017}
# Bytes, not characters.
export LC_ALL=C

# Asks the server for its state, as drivers do: an OP_MSG with { hello: 1, $db: "admin" }, which needs no user. Prints the
# answer without its zero bytes, for which bash has no place.
hello() {
  exec 3<> "/dev/tcp/127.0.0.1/$port"
  # Its length, an id, the kind of message (2013), no flags, and one document.
  printf '\x34\0\0\0\1\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0' >&3
  printf '\x1f\0\0\0\x10hello\0\1\0\0\0\x02$db\0\6\0\0\0admin\0\0' >&3
  local length
  length=$(head --bytes=4 <&3 | od --address-radix=n --format=u4)
  head --bytes=$((length - 4)) <&3 | tr --delete '\0'
}

answer=$(hello 2> /dev/null) || true
# At the first start, a server that only prepares the users accepts writes as well: it belongs to no set.
if [[ $answer == *setName?concord* && $answer == *isWritablePrimary$'\1'* ]]; then exit 0; fi
exec mongosh --nodb --norc --quiet "${0%/*}/health.js"
