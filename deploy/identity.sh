#!/bin/sh
# Run once by docker-compose's service `identity`, and harmless when run again: who everybody is, their passwords, and
# their configuration. What is there stays; configurations are filled in anew.
#
#     identity.sh [OUT [CONFIG]]
#
# Each process gets a directory of its own under OUT with what it needs and no other's keys; the authority's key stays in
# OUT/authority, which no running service mounts.
set -eu
umask 077
out="${1:-/out}"
config="${2:-/deploy/config}"
organization=hengyuan
gateway=gw-hengyuan

steelyard broker ca "$out/authority" --host mosquitto --host localhost --gateway "$organization/$gateway"

# 24 random bytes as 48 hexadecimal digits: nothing that a URL or a shell would take for something else. On the disk before
# it has its name: the database that is set up with it must not outlive it. The group may read: the servers have users of
# their own and get our group for this.
new_secret() {
    [ -s "$1" ] && return
    # What an interrupted start left is read-only by now.
    rm -f "$1.new"
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > "$1.new"
    chmod 0440 "$1.new"
    sync "$1.new"
    mv "$1.new" "$1"
    sync "$(dirname "$1")"
    echo "made $1"
}
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

new_secret "$out/postgres-password/password"
new_secret "$out/influxdb-password/password"
new_secret "$out/influxdb-token/token"
new_key "$out/gateway/gateway.pem"
new_key "$out/ingest/ingest.pem"
gateway_key="$(public_key "$out/gateway/gateway.pem")"
ingest_key="$(public_key "$out/ingest/ingest.pem")"
password="$(cat "$out/postgres-password/password")"
: "${gateway_key:?no public key could be read}" "${ingest_key:?no public key could be read}" "${password:?no password}"

place="$out/broker"; give ca.crt server.crt server.key
place="$out/gateway"; give ca.crt
cp "$out/authority/$organization.$gateway.crt" "$place/client.crt"
cp "$out/authority/$organization.$gateway.key" "$place/client.key"
fill_in edge.toml "$place/edge.toml"
place="$out/ingest"; give ca.crt ingest.crt ingest.key
fill_in server.toml "$out/server/server.toml"
fill_in registry.toml "$out/server/registry.toml"
