#!/bin/sh
# Checks a running stack from outside: smoke.sh BASE_WEB BASE_API, e.g. smoke.sh http://localhost:3000 http://localhost:8000
# It signs up a new person, uses the API as that person, and signs out. Ends with 1 at the first wrong answer.
# ORIGIN is the origin that browsers open, if BASE_WEB is another URL of the same server.
set -eu
[ $# = 2 ] || { echo "usage: $0 BASE_WEB BASE_API" >&2; exit 2; }
web=${1%/} api=${2%/}
origin=${ORIGIN:-$web}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
number=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
started=$(date +%s)

# ask METHOD URL [options of curl]: sets $status, and writes $folder/body and $folder/head.
ask() {
    method=$1 url=$2
    shift 2
    status=$(curl -s -S -m 15 -X "$method" -o "$folder/body" -D "$folder/head" -w '%{http_code}' "$@" "$url") || status=000
}
as_person() { ask "$@" -H "@$folder/bearer"; }
fail() {
    echo "✗ $1" >&2
    echo "  $method $url answered $status" >&2
    # A body with a token is not printed.
    grep -q '"token"' "$folder/body" 2>/dev/null || { head -c 500 "$folder/body" 2>/dev/null >&2 && echo >&2; }
    exit 1
}
expect() { [ "$status" = "$1" ] || fail "$2 (expected $1)"; }
has() { grep -q -- "$1" "$folder/body" || fail "$2: the body lacks $1"; }
header() { tr -d '\r' <"$folder/head" | grep -qi -- "^$1" || fail "$2: the header is missing: $1"; }
member() { sed -n "s/.*\"$1\":\"\\([^\"]*\\)\".*/\\1/p" "$folder/body"; }
good() { echo "✓ $1"; }

ask GET "$web/healthz"; expect 200 "the web client lives"
ask GET "$web/sign-in"; expect 200 "the sign-in page"
header "Content-Security-Policy: " "the sign-in page"
good "the web client serves its sign-in page"
ask GET "$api/healthz"; expect 200 "the service lives"
# After a start it can take some seconds until the service has the keys and revocations.
for second in $(seq 30); do
    ask GET "$api/readyz"
    if [ "$status" = 200 ] && ! grep -q '"keys":"none"' "$folder/body"; then
        case $(member revocations) in '' | off | "in step") break ;; esac
    fi
    sleep 1
done
expect 200 "the service is ready"
grep -q '"keys":"none"' "$folder/body" && fail "the service has the issuer's keys"
revocations=$(member revocations)
good "the service is ready"
ask GET "$api/docs"; expect 200 "the API's documentation"
ask GET "$api/openapi.json"; expect 200 "the OpenAPI document"; has '"openapi":"3.1' "the OpenAPI document"
ask GET "$api/.well-known/oauth-protected-resource"; expect 200 "the metadata of RFC 9728"; has authorization_servers "the metadata"
good "documentation, OpenAPI document and resource metadata are served"

ask GET "$api/api/me/tasks"; expect 401 "a request without a token is refused"
has '"code":"missing_token"' "the refusal"
header "WWW-Authenticate: Bearer" "the refusal"
header "Content-Type: application/problem+json" "the refusal"
header "Cache-Control: no-store" "the refusal"
header "X-Content-Type-Options: nosniff" "the refusal"
header "X-Request-Id: " "the refusal"
ask GET "$api/api/me/tasks" -H "Authorization: Bearer e30.e30.e30"; expect 401 "a malformed token is refused"
has '"code":"invalid_token"' "the refusal"
good "requests without a good token are refused, in one shape"

ask POST "$web/api/auth/sign-up/email" -c "$folder/jar" -H "Origin: $origin" -H "Content-Type: application/json" \
    -d "{\"name\":\"Smoke test\",\"email\":\"smoke-$number@example.test\",\"password\":\"$number-$number\"}"
expect 200 "somebody signs up"
ask GET "$web/api/auth/token" -b "$folder/jar"; expect 200 "a token is issued"
token=$(member token)
[ -n "$token" ] || fail "a token is issued"
printf 'Authorization: Bearer %s\n' "$token" >"$folder/bearer"
good "a person signs up and gets a token"

as_person POST "$api/api/me/tasks" -H "Content-Type: application/json" -d "{\"title\":\"Smoke $number\"}"
expect 201 "a task is created"
header "Location: " "the new task"
id=$(member id)
as_person GET "$api/api/me/tasks"; expect 200 "the tasks are listed"; has "Smoke $number" "the list"
header "Cache-Control: no-store" "the list"
as_person GET "$api/api/me/tasks/$id"; expect 200 "the task is read"; header "ETag: " "the task"
as_person PATCH "$api/api/me/tasks/$id/complete"; expect 200 "the task is completed"; has '"completed":true' "the task"
good "the person creates, lists, reads and completes a task"
as_person GET "$api/api/somebody-else/tasks"; expect 403 "another person's tasks are refused"; has '"code":"not_owner"' "the refusal"
good "another person's tasks are refused"
as_person GET "$api/api/me/tasks" -H "Origin: $origin"; expect 200 "the page may ask"
header "Access-Control-Allow-Origin: $origin" "CORS"
header "Access-Control-Allow-Credentials: true" "CORS"
good "the page's origin may call the API"
as_person DELETE "$api/api/me/tasks/$id"; expect 204 "the task is deleted"
as_person GET "$api/api/me/tasks/$id"; expect 404 "the deleted task is gone"
good "the task is deleted"

ask POST "$web/api/auth/sign-out" -b "$folder/jar" -H "Origin: $origin" -H "Content-Type: application/json" -d '{}'
expect 200 "the person signs out"
ask GET "$web/api/auth/token" -b "$folder/jar"; expect 401 "the ended session gets no token"
good "the person signs out; the session gets no further token"
case $revocations in
'' | off) echo "– skipped: the token issued before lives until it expires (the service runs with REVOCATIONS=off)" ;;
*)
    for second in 0 1 2 3 4 5; do
        [ "$second" = 0 ] || sleep 1
        as_person GET "$api/api/me/tasks"
        [ "$status" = 200 ] || break
    done
    expect 401 "the token issued before the sign-out is refused within 5 s"
    header 'WWW-Authenticate: .*The access token was revoked' "the refusal"
    good "the token issued before the sign-out is refused"
    ;;
esac
echo "All as promised, after $(($(date +%s) - started)) s. The account smoke-$number@example.test stays."
