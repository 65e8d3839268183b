#!/bin/sh
# Builds `plugdeps` for this machine, statically linked where the system allows it, and puts it, alone,
# into a plugin. Usage and exit status: see `usage` below.
set -eu
unset CDPATH

usage() {
    cat <<'END'
usage: sh install.sh DIR [--dir NAME]

Builds plugdeps and installs it as DIR/bin/plugdeps, or as DIR/NAME/plugdeps.

exit status: 0 installed, 2 wrong arguments, 3 DIR is not a directory, 4 no cargo,
             5 the build failed, 6 built, but not installed
END
}

say() { printf 'install.sh: %s\n' "$*" >&2; }

die() {
    status=$1
    shift
    say "$@"
    exit "$status"
}

parse() {
    plugin='' name=bin
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) usage && exit 0 ;;
            --dir=*) name=${1#--dir=} ;;
            --dir) [ $# -gt 1 ] || die 2 "\`--dir\` wants a name; write \`--dir bin\`"; name=$2; shift ;;
            -*) die 2 "unknown option \`$1\`; try \`sh install.sh --help\`" ;;
            *) [ -z "$plugin" ] || die 2 "one DIR only, and \`$1\` is a second; quote a path with spaces"; plugin=$1 ;;
        esac
        shift
    done
    [ -n "$plugin" ] || die 2 "no DIR given; write \`sh install.sh DIR\`, where DIR is the plugin's directory"
    case /$name/ in
        // | //* | */../*) die 2 "cannot install into \`$name\`: \`--dir\` names a directory inside DIR, such as \`bin\`" ;;
    esac
}

# Sets `host`, as in `x86_64-unknown-linux-gnu`.
ask_cargo() {
    command -v cargo >/dev/null || die 4 "cannot build: \`cargo\` is not on PATH; install Rust and run this again"
    host=$(cargo -vV | sed -n 's/^host: //p')
    [ -n "$host" ] || die 4 "cannot build: \`cargo -vV\` does not answer; install a Rust toolchain and run this again"
}

# True when the standard library of target $1 is installed, or can be.
have_target() {
    [ -d "$(rustc --print target-libdir --target "$1" 2>/dev/null)" ] && return
    command -v rustup >/dev/null || return
    say "adding target \`$1\` with rustup"
    rustup target add "$1" >&2
}

# Sets `target`, and `flags` to what `.cargo/config.toml` does not say for it.
choose_target() {
    target=$host flags=''
    case $host in *-linux-gnu*) ;; *) return ;; esac
    target=$(printf '%s\n' "$host" | sed 's/-linux-gnu/-linux-musl/')
    have_target "$target" && return
    say "cannot have target \`$target\`: linking glibc statically instead, which is larger and starts about" \
        "four times as slowly; \`rustup target add $target\` would mend it"
    target=$host flags='"-C", "relocation-model=static", "-C", "target-feature=+crt-static", '
}

# The paths of the crates end up in panic messages: without the remapping the program would tell whose
# machine built it, and would differ from machine to machine.
rustflags() {
    home=$(printf '%s' "${CARGO_HOME:-$HOME/.cargo}" | sed 's/[\\"]/\\&/g')
    printf 'target.%s.rustflags = [%s"--remap-path-prefix=%s=cargo"]' "$target" "$flags" "$home"
}

# The standard library as it is shipped carries what prints panics and backtraces, almost half of the program. Where
# its source can be had it is built anew, for size and without that; stable Rust does so only when told that it may.
choose_library() {
    library=''
    case $target in *-linux-musl) ;; *) return 0 ;; esac
    if [ -d "$(rustc --print sysroot)/lib/rustlib/src/rust/library" ] || rustup component add rust-src >&2; then
        library='-Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size'
        export RUSTC_BOOTSTRAP=1
        silent='-Zunstable-options -Cpanic=immediate-abort'
        # shellcheck disable=SC2086 # two options
        if rustc $silent --print sysroot >/dev/null 2>&1; then
            flags="$flags\"-Zunstable-options\", \"-Cpanic=immediate-abort\", "
        else
            say "this toolchain cannot leave out what prints panics: the program is an eighth larger"
        fi
    else
        say "cannot have the standard library's source: using it as shipped, which makes the program half as large" \
            "again; \`rustup component add rust-src\` would mend it"
    fi
}

# Sets `built` to the program's path. Flags from the environment would replace those of `.cargo/config.toml`.
build() {
    unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
    # A plugin's users need none of the commands for its author.
    set -- --release --locked --no-default-features --bin plugdeps --target "$target" --target-dir "${CARGO_TARGET_DIR:-target}/install"
    # shellcheck disable=SC2086 # two options, or none
    cargo build "$@" $library --config "$(rustflags)" >&2 ||
        die 5 "cannot build \`plugdeps\` in \`$source\` for \`$target\`: cargo's own words are above"
    case $target in *-windows-*) program=plugdeps.exe ;; *) program=plugdeps ;; esac
    built=${CARGO_TARGET_DIR:-target}/install/$target/release/$program
}

# Under a temporary name until it is known to start: whoever runs the old one meanwhile keeps it, and
# nobody ever sees half a file.
install() {
    bin=$plugin/$name
    staged=$bin/.new-$$-$program
    trap 'rm -f -- "$staged"' EXIT
    trap 'exit 6' HUP INT TERM
    write || die 6 "built, but cannot write into \`$bin\`: the reason is above"
    "$staged" --version >/dev/null || die 6 "built for \`$target\`, but \`plugdeps --version\` fails on this machine"
    mv -f -- "$staged" "$bin/$program" || die 6 "built, but cannot write \`$bin/$program\`: the reason is above"
    say "installed \`$bin/$program\`, $(($(wc -c <"$bin/$program"))) bytes, \`$target\`"
}

write() { mkdir -p -- "$bin" && cp -- "$built" "$staged" && chmod 755 "$staged"; }

parse "$@"
[ -d "$plugin" ] || die 3 "cannot install into \`$plugin\`: not a directory; create it, or name the plugin's root"
plugin=$(cd -- "$plugin" && pwd)
source=$(cd -- "$(dirname -- "$0")" && pwd)
cd -- "$source" # where cargo looks for `.cargo/config.toml`, and rustup for the toolchain
ask_cargo
choose_target
choose_library
build
install
