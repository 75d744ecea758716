#!/bin/sh
# Makes the passwords of the server stack, once: deploy/secrets/*, one secret a file. What is there stays.
set -eu
directory="${1:-$(dirname "$0")/secrets}"
mkdir -p "$directory"
# Nobody else on the host may enter; inside, the files are readable, since each container has a user of its own.
chmod 0700 "$directory"
for name in postgres_password influxdb_password influxdb_token; do
    [ -s "$directory/$name" ] && continue
    # 24 bytes as 48 hexadecimal digits: nothing that a URL or a shell would take for something else.
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > "$directory/$name.new"
    chmod 0444 "$directory/$name.new"
    mv "$directory/$name.new" "$directory/$name"
    echo "made $directory/$name"
done
