#!/bin/sh
# Creates the namespace where it is missing, with the search attributes of orders, and returns once workers can use it. The server is at TEMPORAL_ADDRESS.
set -eu

# Calls the command every 2 seconds until it succeeds, for a minute; what fails then fails for good.
eventually() {
  left=30
  until output=$("$@" 2>&1); do
    left=$((left - 1))
    [ "$left" -gt 0 ] || {
      echo "Giving up: $*: $output" >&2
      exit 1
    }
    sleep 2
  done
}

# Prints nothing if the server takes the attribute. A refusal, which stays, is no failure.
create() {
  said=$(temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" "$@" 2>&1) && return
  echo "$said"
  case $said in *"different type"* | *"cannot have more than"* | *ermission* | *nauthorized*) ;; *) return 1 ;; esac
}

# One that the server refuses (another type, no room) keeps neither the others nor the workers: orders do without it.
register() {
  eventually create "$@"
  if [ -z "$output" ]; then
    query="$query AND $2 IS NULL"
  else
    echo "Orders do without the search attribute $2: $output" >&2
  fi
}

# An open port doesn't mean yet that the server serves.
eventually temporal operator cluster health
temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" > /dev/null 2>&1 ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 7d
# The server's parts learn of a change with a delay.
query="WorkflowId = '-'"
eventually temporal workflow list --namespace "$TEMPORAL_NAMESPACE" --limit 1 --query "$query"
# Those of domain/search-attributes.ts; what is there already stays.
register --name OrderStatus --type Keyword
register --name OrderCustomer --type Keyword
register --name OrderSkus --type KeywordList
register --name OrderStrategy --type Keyword
register --name OrderNeedsAttention --type Bool
eventually temporal workflow list --namespace "$TEMPORAL_NAMESPACE" --limit 1 --query "$query"
echo "Namespace $TEMPORAL_NAMESPACE is ready"
