#!/bin/sh
# Run once by docker-compose's service `identity`, and harmless when run again: who everybody is, and their configuration.
#
#     identity.sh [OUT [CONFIG [SECRETS]]]
#
# Each process gets a directory of its own under OUT with what it needs and no other's keys; the authority's key stays in
# OUT/authority, which no running service mounts.
set -eu
umask 077
out="${1:-/out}"
config="${2:-/deploy/config}"
secrets="${3:-/run/secrets}"
organization=hengyuan
gateway=gw-hengyuan

steelyard broker ca "$out/authority" --host mosquitto --host localhost --gateway "$organization/$gateway"

new_key() {
    [ -s "$1" ] || steelyard key new "$1" > /dev/null
}
public_key() {
    steelyard key show "$1" --json | sed -n 's/.*"public_key": "\([^"]*\)".*/\1/p'
}
# Written beside and renamed: nobody ever reads half a file.
fill_in() {
    sed -e "s|@GATEWAY_KEY@|$gateway_key|" -e "s|@INGEST_KEY@|$ingest_key|" -e "s|@POSTGRES_PASSWORD@|$password|" \
        "$config/$1" > "$2.new"
    mv "$2.new" "$2"
}
give() {
    for file in "$@"; do cp "$out/authority/$file" "$place/"; done
}

new_key "$out/gateway/gateway.pem"
new_key "$out/ingest/ingest.pem"
gateway_key="$(public_key "$out/gateway/gateway.pem")"
ingest_key="$(public_key "$out/ingest/ingest.pem")"
password="$(cat "$secrets/postgres_password")"
: "${gateway_key:?no public key could be read}" "${ingest_key:?no public key could be read}" "${password:?no password}"

place="$out/broker"; give ca.crt server.crt server.key
place="$out/gateway"; give ca.crt
cp "$out/authority/$organization.$gateway.crt" "$place/client.crt"
cp "$out/authority/$organization.$gateway.key" "$place/client.key"
fill_in edge.toml "$place/edge.toml"
place="$out/ingest"; give ca.crt ingest.crt ingest.key
fill_in server.toml "$out/server/server.toml"
fill_in registry.toml "$out/server/registry.toml"
