#!/bin/bash
# smoke test of a running receiver
BASE="${1:-http://localhost:8007}"
bad=0

expect() {
    # expect CODE NAME curl-args…
    local want=$1 name=$2; shift 2
    local got
    got=$(curl -s -m 10 -o /dev/null -w '%{http_code}' "$@")
    if [ "$got" != "$want" ]; then
        echo "not ok - $name ($got instead of $want)"
        bad=1
    else
        echo "ok - $name"
    fi
}

expect 200 "health" "$BASE/health"
expect 401 "channels need a key" "$BASE/api/v1/channels"
expect 401 "websub needs a signature" -X POST --data '<feed/>' "$BASE/webhook/youtube"
expect 401 "kick with a wrong signature" -X POST -H 'X-Kick-Signature: 00' --data '{}' "$BASE/webhook/kick"
exit $bad
