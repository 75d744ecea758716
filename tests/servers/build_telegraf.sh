#!/usr/bin/env bash
# Builds Telegraf, the peer of the ingest benchmark, with only the plug-ins the comparison needs; prints its path.
#
#     tests/servers/build_telegraf.sh            # builds when it is not there yet (half a minute, Go 1.25+)
#     tests/servers/build_telegraf.sh --where    # only says where it is; exit code 1 when it is not there
#
# Kept in ~/.cache/steelyard (another place: STEELYARD_CACHE). No test needs it.
set -euo pipefail

version=1.37.2
source "$(dirname "${BASH_SOURCE[0]}")/go_build.sh"
binary="$cache/telegraf-$version"
already_built "$binary" "${1:-}" && exit 0
need go "Telegraf is written in Go: install Go 1.25 or later"
open_workshop "$binary"

go mod init telegraf_build
go get "github.com/influxdata/telegraf@v$version"
plugins="inputs.mqtt_consumer,inputs.modbus,outputs.influxdb_v2,parsers.influx,parsers.json,parsers.json_v2"
go build -mod=mod -tags "custom,$plugins" -o telegraf github.com/influxdata/telegraf/cmd/telegraf

keep telegraf "$binary"
