#!/bin/sh
# Creates the namespace where it is missing, with the search attributes of orders, and returns once workers can use it. The server is at TEMPORAL_ADDRESS.
set -eu

# Calls the command until it succeeds, for a minute; then shows what it says.
eventually() {
  attempt=1
  until output=$("$@" 2>&1); do
    if [ "$attempt" -ge 30 ]; then
      echo "Giving up: $*: $output" >&2
      exit 1
    fi
    attempt=$((attempt + 1))
    sleep 2
  done
}

# An open port doesn't mean yet that the server serves.
eventually temporal operator cluster health
temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" > /dev/null 2>&1 ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 7d
# Those of domain/search-attributes.ts; what is there already stays.
eventually temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" \
  --name OrderStatus --type Keyword \
  --name OrderCustomer --type Keyword \
  --name OrderSkus --type KeywordList \
  --name OrderStrategy --type Keyword \
  --name OrderNeedsAttention --type Bool
# The server's parts learn of a change with a delay.
eventually temporal workflow list --namespace "$TEMPORAL_NAMESPACE" --limit 1 --query 'OrderNeedsAttention = true'
echo "Namespace $TEMPORAL_NAMESPACE is ready"
