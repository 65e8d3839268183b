#!/bin/sh
# Puts `plugdeps` into a plugin: built here for this machine alone, statically linked where the system allows it, or for
# every platform, with a launcher; or as a release has it. Usage and exit status: see `usage` below.
set -eu
unset CDPATH

usage() {
    cat <<'END'
usage: sh install.sh [--all] [--author] DIR [--dir NAME]
       sh install.sh --from RELEASE [--sha256 HASH] DIR [--dir NAME]

Builds plugdeps and installs it as DIR/bin/plugdeps, or as DIR/NAME/plugdeps.

  --all            for Linux and macOS (x86_64 and aarch64) and Windows (x86_64): beside the
                   programs a launcher `plugdeps`, their checksums and where they come from
  --author         the author's program, with the commands that no plugin needs
  --from RELEASE   build nothing: take what `--all` made, from the directory or the address
                   RELEASE, each file only if it is what `SHA256SUMS` there says
  --sha256 HASH    and that file only if this is its own hash
  --dir NAME       a directory inside DIR other than `bin`

exit status: 0 installed, 2 wrong arguments, 3 DIR is not a directory, 4 no cargo, no linker
             for Windows, or nothing to fetch or to check with, 5 the build failed, 6 not installed,
             7 RELEASE cannot be fetched, or is not what it says
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
    plugin='' name=bin all='' features=--no-default-features release='' pinned=''
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) usage && exit 0 ;;
            --all) all=yes ;;
            --author) features='' ;;
            --dir=* | --from=* | --sha256=*) take "${1%%=*}" "${1#*=}" ;;
            --dir | --from | --sha256) [ $# -gt 1 ] || die 2 "\`$1\` wants a value"; take "$1" "$2"; shift ;;
            -*) die 2 "unknown option \`$1\`; try \`sh install.sh --help\`" ;;
            *) [ -z "$plugin" ] || die 2 "one DIR only, and \`$1\` is a second; quote a path with spaces"; plugin=$1 ;;
        esac
        shift
    done
    [ -n "$plugin" ] || die 2 "no DIR given; write \`sh install.sh DIR\`, where DIR is the plugin's directory"
    case $release$pinned in
        '') ;;
        "$pinned") die 2 "\`--sha256\` is of what \`--from\` takes, and that is not given" ;;
        *) [ -z "$all" ] && [ -n "$features" ] || die 2 "\`--from\` takes what there is, and builds nothing; leave out \`--all\` and \`--author\`" ;;
    esac
    case /$name/ in
        // | //* | */../*) die 2 "cannot install into \`$name\`: \`--dir\` names a directory inside DIR, such as \`bin\`" ;;
    esac
}

take() {
    [ -n "$2" ] || die 2 "\`$1\` wants a value"
    case $1 in
        --dir) name=$2 ;;
        --from) release=$2 ;;
        --sha256) pinned=$2 ;;
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
    printf 'target.%s.rustflags = [%s"--remap-path-prefix=%s=cargo", "--remap-path-prefix=%s=rust"]' \
        "$target" "$flags" "$(escaped "${CARGO_HOME:-$HOME/.cargo}")" "$(escaped "$(rustc --print sysroot)")"
}

escaped() { printf '%s' "$1" | sed 's/[\\"]/\\&/g'; }

# Adds to `flags` what the linker is told, and which one it is: the system's own for this machine; for any other the
# one that comes with Rust, which needs nothing of that machine. For Windows it would need the libraries of MinGW.
choose_linker() {
    linker=rust-lld to_linker=''
    if [ "${target%-*}" = "${host%-*}" ]; then linker='' to_linker=-Wl,; fi
    case $target in
        # Code and constants in one mapping: fewer pages to map, about 10 us of a start. Nothing is relocated in a program
        # with one place, so nothing is there to be write-protected afterwards, and up to a page of padding is not. No thread
        # here has a name, and what would give it one brings the printing of C: 9 KB.
        *-linux-musl)
            # Sequences of instructions that are there twice become functions: 21 KB less to read and to map.
            flags="$flags\"-Cllvm-args=-enable-machine-outliner=always\", "
            link "-znoseparate-code" && link "-znorelro" && link "--defsym=pthread_setname_np=getpid"
            ;;
        *-apple-darwin) [ -z "$linker" ] || link_for_macos ;;
        *-windows-gnu) linker='' to_linker=-Wl, && link "--no-insert-timestamp" ;;
    esac
    [ -z "$linker" ] || flags="$flags\"-Clinker=$linker\", "
}

link() { flags="$flags\"-Clink-arg=$to_linker$(escaped "$1")\", "; }

# Signed as every program there must be, by nobody in particular, and without a Mac: what macOS offers is in `macos.tbd`.
link_for_macos() {
    stubs=$output/macos
    mkdir -p -- "$stubs"
    for stub in System c m iconv; do cp -- macos.tbd "$stubs/lib$stub.tbd"; done
    flags="$flags\"-Clinker-flavor=ld64.lld\", "
    link "-adhoc_codesign" && link "-L$stubs"
    # rustc would ask `xcrun` for the place of an SDK, and whoever has one for its version.
    export SDKROOT="$stubs" MACOSX_DEPLOYMENT_TARGET=11.0
}

# The standard library as it is shipped carries what prints panics and backtraces, almost half of the program. Where
# its source can be had it is built anew, for size and without that; stable Rust does so only when told that it may.
choose_library() {
    library=''
    case $target in *-linux-musl | *-apple-darwin | *-windows-gnu) ;; *) return 0 ;; esac
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
    choose_library
    choose_linker
    into=$output
    # MinGW's `dlltool` takes a path with a space for two.
    case $target$output in *-windows-gnu*[[:space:]]*) into=$(mktemp -d) && elsewhere=$into ;; esac
    # A plugin's users need none of the commands for its author.
    set -- --release --locked --bin plugdeps --target "$target" --target-dir "$into"
    # shellcheck disable=SC2086 # options, or none
    cargo build "$@" $features $library --config "$(rustflags)" >&2 ||
        die 5 "cannot build \`plugdeps\` in \`$source\` for \`$target\`: cargo's own words are above"
    case $target in *-windows-*) program=plugdeps.exe ;; *) program=plugdeps ;; esac
    built=$into/$target/release/$program
}

# Sets `bin`, and `staged` to what is called $1 there, and has whatever is left cleared away: so is a directory that was not
# there, and has nothing in it.
begin() {
    bin=$plugin/$name staged=$plugin/$name/$1 elsewhere='' made=''
    [ -d "$bin" ] || made=$bin
    trap 'rm -rf -- "$staged" ${elsewhere:+"$elsewhere"}; [ -z "$made" ] || rmdir -- "$made" 2>/dev/null || :' EXIT
    trap 'exit 6' HUP INT TERM
}

# Under a temporary name until it is known to start: whoever runs the old one meanwhile keeps it, and
# nobody ever sees half a file.
install() {
    begin ".new-$$-$program"
    write || die 6 "built, but cannot write into \`$bin\`: the reason is above"
    "$staged" --version >/dev/null || die 6 "built for \`$target\`, but \`plugdeps --version\` fails on this machine"
    mv -f -- "$staged" "$bin/$program" || die 6 "built, but cannot write \`$bin/$program\`: the reason is above"
    say "installed \`$bin/$program\`, $(($(wc -c <"$bin/$program"))) bytes, \`$target\`"
}

write() { mkdir -p -- "$bin" && cp -- "$built" "$staged" && chmod 755 "$staged"; }

# Everything under temporary names until the launcher has started what is for this machine.
install_all() {
    begin ".new-$$"
    mkdir -p -- "$staged" || die 6 "cannot write into \`$bin\`: the reason is above"
    if [ -n "$release" ]; then
        fetch_all
    else
        build_all
        write_all || die 6 "built, but cannot write into \`$bin\`: the reason is above"
    fi
    chmod 755 "$staged"/plugdeps "$staged"/plugdeps-* "$staged"/plugdeps.exe ||
        die 6 "cannot make the programs in \`$bin\` executable: the reason is above"
    "$staged/plugdeps" --version >/dev/null || die 6 "not installed: \`plugdeps --version\` fails on this machine"
    (cd -- "$staged" && exec mv -f -- * ..) || die 6 "cannot write \`$bin\`: the reason is above"
    say "installed into \`$bin\`:"
    (cd -- "$bin" && wc -c plugdeps plugdeps-* plugdeps.exe) >&2
}

# Which files there are is said by the checksums: a name that is more than a name is not asked for.
fetch_all() {
    command -v sha256sum >/dev/null || command -v shasum >/dev/null ||
        die 4 "cannot check what is fetched: there is neither \`sha256sum\` nor \`shasum\`"
    fetch SHA256SUMS
    [ -z "$pinned" ] || [ "$(sum <"$staged/SHA256SUMS")" = "$pinned  -" ] ||
        die 7 "\`$release/SHA256SUMS\` is not the one whose hash is \`$pinned\`"
    # Also a last line that does not end: `read` tells of it, and sets both.
    while read -r hash file || [ -n "$hash" ]; do
        case $hash in *[!0-9a-f]*) hash='' ;; esac
        case $file in *[!A-Za-z0-9._-]* | .* | -*) file='' ;; esac
        [ ${#hash} -eq 64 ] && [ -n "$file" ] || die 7 "\`$release/SHA256SUMS\` is no list of checksums: \`--from\` wants what \`--all\` made"
        fetch "$file"
        [ "$(sum <"$staged/$file")" = "$hash  -" ] ||
            die 7 "\`$release/$file\` is not what \`SHA256SUMS\` there says: try again, and report it if it stays so"
    done <"$staged/SHA256SUMS"
    for file in plugdeps plugdeps-linux-x86_64 plugdeps-linux-aarch64 plugdeps-macos plugdeps.exe plugdeps.json; do
        [ -f "$staged/$file" ] || die 7 "there is no \`$file\` among the checksums of \`$release\`: \`--from\` wants what \`--all\` made"
    done
}

fetch() {
    case $release in
        *://*) download "$release/$1" ;;
        *) cat -- "$release/$1" ;;
    esac >"$staged/$1" || die 7 "cannot fetch \`$release/$1\`: the reason is above"
}

download() {
    if command -v curl >/dev/null; then
        curl -fsSL "$1"
    elif command -v wget >/dev/null; then
        wget -nv -O - "$1"
    else
        die 4 "cannot fetch: there is neither \`curl\` nor \`wget\`; fetch the release by hand, and give its directory"
    fi
}

build_all() {
    command -v x86_64-w64-mingw32-gcc >/dev/null ||
        die 4 "cannot link for Windows: \`x86_64-w64-mingw32-gcc\` is not on PATH; install MinGW-w64 (\`gcc-mingw-w64-x86-64\`, \`mingw-w64\`)"
    for target in x86_64-unknown-linux-musl aarch64-unknown-linux-musl x86_64-apple-darwin aarch64-apple-darwin \
        x86_64-pc-windows-gnu; do
        have_target "$target" || die 4 "cannot have target \`$target\`; \`rustup target add $target\` would say why"
        flags=''
        build
        case $target in
            *-linux-musl) cp -- "$built" "$staged/plugdeps-linux-${target%%-*}" ;;
            *-windows-gnu) cp -- "$built" "$staged/plugdeps.exe" ;;
        esac || die 6 "built, but cannot write into \`$bin\`: the reason is above"
    done
}

write_all() {
    fuse "$output"/x86_64-apple-darwin/release/plugdeps "$output"/aarch64-apple-darwin/release/plugdeps \
        >"$staged/plugdeps-macos" &&
        cp -- launcher.sh "$staged/plugdeps" &&
        (cd -- "$staged" && sum plugdeps plugdeps-* plugdeps.exe >SHA256SUMS && provenance >plugdeps.json &&
            sum plugdeps.json >>SHA256SUMS)
}

sum() { if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }

# One program of macOS from two, $1 for x86_64 and $2 for arm64: a table of where each begins, and both, on whole pages.
fuse() {
    first=$(($(wc -c <"$1"))) second=$(($(wc -c <"$2"))) page=16384
    start=$(((page + first + page - 1) / page * page))
    big_endian 0xcafebabe 2 0x01000007 3 $page $first 14 0x0100000c 0 $start $second 14
    zeros $((page - 48))
    cat -- "$1"
    zeros $((start - page - first))
    cat -- "$2"
}

big_endian() {
    for number in "$@"; do
        # shellcheck disable=SC2059 # the format is the four bytes
        printf "$(printf '\\%03o' $((number >> 24 & 255)) $((number >> 16 & 255)) $((number >> 8 & 255)) $((number & 255)))"
    done
}

zeros() { head -c "$1" /dev/zero; }

# What was built, of what, with what; without a date, so that the same is the same. The commit is git's where it knows this
# file, so not of a repository that a copy lies in, and what cargo packed it from otherwise.
provenance() {
    commit=unknown modified=true
    if git -C "$source" ls-files --error-unmatch install.sh >/dev/null 2>&1; then
        commit=$(git -C "$source" rev-parse HEAD) && changes=$(git -C "$source" status --porcelain) || return
        [ -n "$changes" ] || modified=false
    elif [ -f "$source/.cargo_vcs_info.json" ]; then
        commit=$(sed -n 's/.*"sha1": "\([0-9a-f]*\)".*/\1/p' "$source/.cargo_vcs_info.json")
        grep -q '"dirty": true' "$source/.cargo_vcs_info.json" || modified=false
    fi
    printf '{\n  "name": "plugdeps",\n  "version": "%s",\n  "commit": "%s",\n  "modified": %s,\n  "rustc": "%s",\n' \
        "$(sed -n 's/^version = "\(.*\)"$/\1/p' "$source/Cargo.toml" | head -n 1)" "$commit" "$modified" "$(rustc -V)"
    printf '  "files": {'
    separator=''
    while read -r hash file; do
        printf '%s\n    "%s": { "bytes": %s, "sha256": "%s", "targets": [%s] }' \
            "$separator" "$file" "$(($(wc -c <"$file")))" "$hash" "$(targets_of "$file")"
        separator=,
    done <SHA256SUMS
    printf '\n  }\n}\n'
}

targets_of() {
    case $1 in
        *-linux-*) printf '"%s-unknown-linux-musl"' "${1##*-}" ;;
        *-macos) printf '"x86_64-apple-darwin", "aarch64-apple-darwin"' ;;
        *.exe) printf '"x86_64-pc-windows-gnu"' ;;
    esac
}

parse "$@"
[ -d "$plugin" ] || die 3 "cannot install into \`$plugin\`: not a directory; create it, or name the plugin's root"
plugin=$(cd -- "$plugin" && pwd)
case $release in
    '') ;;
    *://*) release=${release%/} ;;
    *)
        [ -d "$release" ] || die 7 "cannot fetch from \`$release\`: no such directory, and no address either"
        release=$(cd -- "$release" && pwd)
        ;;
esac
source=$(cd -- "$(dirname -- "$0")" && pwd)
cd -- "$source" # where cargo looks for \`.cargo/config.toml\`, and rustup for the toolchain
case ${CARGO_TARGET_DIR:-target} in
    /*) output=$CARGO_TARGET_DIR/install ;;
    *) output=$source/${CARGO_TARGET_DIR:-target}/install ;;
esac
[ -n "$release" ] || ask_cargo
if [ -n "$all$release" ]; then
    install_all
else
    choose_target
    build
    install
fi
