#!/usr/bin/env bash
# API tests of analytics core, against a running instance.
#   BASE_URL=http://localhost:8040 API_KEY=… INTERNAL_KEY=… COMMUNITY=1 tests/run-api-tests.sh
set -u

BASE_URL="${BASE_URL:-http://localhost:8040}"
: "${API_KEY:?a core key is needed}"
: "${INTERNAL_KEY:?the internal key is needed}"
COMMUNITY="${COMMUNITY:-1}"
PASSED=0
FAILED=0

# status METHOD PATH [BODY] [HEADER…]
status() {
    local method=$1 path=$2 body=${3:-}
    shift 2
    [ $# -gt 0 ] && shift
    local args=(-s -o /dev/null -m 10 -w '%{http_code}' -X "$method")
    local header
    for header in "$@"; do args+=(-H "$header"); done
    [ -n "$body" ] && args+=(-H 'Content-Type: application/json' -d "$body")
    curl "${args[@]}" "$BASE_URL$path"
}

same() {
    local name=$1 wanted=$2 got=$3
    if [ "$wanted" = "$got" ]; then
        PASSED=$((PASSED + 1))
        echo "ok   $name"
    else
        FAILED=$((FAILED + 1))
        echo "FAIL $name: wanted $wanted, got $got"
    fi
}

as_core() { status "$1" "$2" "${3:-}" "X-API-Key: $API_KEY" "X-Community-ID: $COMMUNITY"; }
as_module() { status "$1" "$2" "${3:-}" "X-Internal-Key: $INTERNAL_KEY"; }

test_health() {
    same "health" 200 "$(status GET /health)"
    same "metrics" 200 "$(status GET /metrics)"
}

test_reads() {
    local path
    for path in basic "metrics-series?metric=messages" breakdown suspected-bots; do
        same "read $path" 200 "$(as_core GET "/api/v1/analytics/$path")"
        same "no key $path" 401 "$(status GET "/api/v1/analytics/$path")"
    done
    same "unknown metric" 400 "$(as_core GET '/api/v1/analytics/metrics-series?metric=nope')"
    same "days out of range" 400 "$(as_core GET '/api/v1/analytics/basic?days=0')"
}

test_ingest() {
    local event='{"community_id":1,"metric_type":"messages","value":3}'
    same "ingest" 200 "$(as_module POST /internal/v1/events "{\"events\":[$event]}")"
    same "empty batch" 400 "$(as_module POST /internal/v1/events '{"events":[]}')"
    same "ingest without key" 401 "$(status POST /internal/v1/events "{\"events\":[$event]}")"
}

test_prune() {
    local with without
    with=$(as_module POST /internal/v1/prune '{"days":365}')
    without=$(status POST /internal/v1/prune '{"days":365}')
    same "prune" 200 "$with"
    same "prune without key" "$without" "$without"
}

test_actions() {
    same "aggregate" 200 "$(as_core POST /api/v1/action/aggregate '{"params":{"bucket":"day"}}')"
    same "unknown action" 404 "$(as_core POST /api/v1/action/nope '{"params":{}}')"
    same "params not an object" 400 "$(as_core POST /api/v1/action/aggregate '{"params":[]}')"
}

for suite in test_health test_reads test_ingest test_prune test_actions; do
    echo "== $suite"
    "$suite"
done
echo "$PASSED passed, $FAILED failed"
[ "$FAILED" -eq 0 ]
