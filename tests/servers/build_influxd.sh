#!/usr/bin/env bash
# Builds InfluxDB 2 from its own Go modules and keeps the binary; prints its path.
#
#     tests/servers/build_influxd.sh            # builds when it is not there yet (3-4 minutes, Go 1.25+ and cargo)
#     tests/servers/build_influxd.sh --where    # only says where it is; exit code 1 when it is not there
#
# No package registry has a ready InfluxDB 2 for Debian or pip, so the tests build it once.
# Kept in ~/.cache/steelyard (another place: STEELYARD_CACHE).
set -euo pipefail

version=2.7.12
source "$(dirname "${BASH_SOURCE[0]}")/go_build.sh"
binary="$cache/influxd-$version"
already_built "$binary" "${1:-}" && exit 0
need go "InfluxDB's server is written in Go: install Go 1.25 or later"
need cargo "InfluxDB's query engine has a part in Rust: install Rust's cargo"
open_workshop "$binary"

cat > go.mod <<'MOD'
module influxd_build

go 1.25
MOD
cat > tools.go <<'GO'
//go:build tools

package tools

import _ "github.com/influxdata/influxdb/v2/cmd/influxd"
GO
# A module around it, because `go install ...@version` refuses a go.mod with `replace` lines.
go get "github.com/influxdata/influxdb/v2@v$version"
GOBIN="$PWD" go install github.com/influxdata/pkg-config@v0.2.14
# The Rust part denies warnings that later compilers added: build it without its `strict` feature.
cat > cargo-lenient <<'SH'
#!/bin/sh
exec cargo "$@" --package flux --no-default-features --features cffi
SH
chmod +x cargo-lenient
# Its toolchain file asks for an old compiler that is not there: take the one that is.
# A server for tests: no minutes for code that is a little faster, no debug information.
toolchain="${RUSTUP_TOOLCHAIN:-$(rustup default 2> /dev/null | cut -d ' ' -f 1)}"
CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    CARGO_PROFILE_RELEASE_DEBUG=0 CARGO="$PWD/cargo-lenient" RUSTUP_TOOLCHAIN="${toolchain:-stable}" PKG_CONFIG="$PWD/pkg-config" \
    go build -mod=mod -tags sqlite_json,sqlite_foreign_keys -gcflags all=-dwarf=false \
    -ldflags "-s -w -X main.version=$version" \
    -o influxd github.com/influxdata/influxdb/v2/cmd/influxd

keep influxd "$binary"
