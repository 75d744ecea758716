# What the two build scripts beside this file share: a cache, a lock, a workshop that is swept afterwards.
# Sourced, not run. Everything but the path of the finished binary goes to stderr.

# Where Go and Rust install themselves, for shells whose PATH does not know it.
PATH="$PATH:/usr/local/go/bin:$HOME/.cargo/bin"
cache="${STEELYARD_CACHE:-$HOME/.cache/steelyard}"

# Prints the path and succeeds when the binary is there; with --where, ends the script either way.
already_built() {
    if [[ -x "$1" ]]; then
        echo "$1"
        return 0
    fi
    [[ "${2:-}" == "--where" ]] && exit 1
    return 1
}

need() {
    command -v "$1" > /dev/null && return
    echo "${0##*/}: $1 is not on PATH. $2." >&2
    exit 1
}

# One build at a time: a second caller waits, then finds the binary finished.
# The workshop lies beside the binary, so that moving it there is one atomic rename.
open_workshop() {
    mkdir -p "$cache"
    exec 9> "$1.lock"
    flock 9
    already_built "$1" && exit 0
    workshop="$(mktemp -d "$cache/build.XXXXXX")"
    trap 'chmod -R u+w "$workshop" && rm -rf "$workshop"' EXIT
    cd "$workshop"
    exec 3>&1 1>&2
    echo "${0##*/}: building $(basename "$1") in $workshop" >&2
}

keep() {
    strip "$1" 2> /dev/null || true
    mv "$1" "$2"
    echo "$2" >&3
}
