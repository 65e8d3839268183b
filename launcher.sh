#!/bin/sh
# The `plugdeps` of a plugin for several platforms: becomes the program for this machine, which lies beside this file.
# On the way there nothing is started, so that a start costs hardly more than that of `sh`; exceptions say so.

refuse() {
    printf 'plugdeps: %s\n' "$*" >&2
    exit 126
}

# Where this file is, whatever links lead to it. A link costs a `readlink`.
case $0 in
    /* | [A-Za-z]:* | \\\\*) self=$0 ;; # a drive and a share are what Git Bash may say
    *) self=./$0 ;; # never the name of an option, nor one that `cd` would look for elsewhere
esac
while [ -h "$self" ]; do
    target=$(readlink "$self" && echo .) || refuse "cannot read the link \`$self\`: call what it leads to"
    target=${target%??} # a newline and the dot that kept those of the name
    case $target in
        /*) self=$target ;;
        *) self=${self%/*}/$target ;;
    esac
done
here=${self%/*}

# Kernels before 6.1 do not name their machine in a file. The loader of C programs does, in nearly every system; where
# loaders of two machines are installed, what one kind of kernel alone has tells which of them is at home.
look_around() {
    if [ -e /lib64/ld-linux-x86-64.so.2 ] || [ -e /lib/ld-musl-x86_64.so.1 ]; then
        [ -e /sys/devices/system/cpu/cpu0/regs ] || machine=x86_64
    fi
    if [ -e /lib/ld-linux-aarch64.so.1 ] || [ -e /lib/ld-musl-aarch64.so.1 ]; then
        [ -e /proc/sys/kernel/bootloader_type ] || machine=aarch64
    fi
    [ -n "$machine" ] || recall || ask
}

# What was asked is kept with the plugin's data, for one boot of one machine: data may be shared by machines.
recall() {
    boot='' memory=${CLAUDE_PLUGIN_DATA:-}/plugdeps/.machine
    [ -r /proc/sys/kernel/random/boot_id ] && read -r boot </proc/sys/kernel/random/boot_id
    [ -n "$boot" ] && [ -f "$memory" ] && read -r booted machine <"$memory" || return
    case $booted/$machine in "$boot/x86_64" | "$boot/aarch64") ;; *) return 1 ;; esac
}

ask() {
    system=$(uname -s) machine=$(uname -m)
    [ "$system" = Linux ] || refuse "there is no program for $system on $machine in \`$here\`"
    case $machine in
        amd64) machine=x86_64 ;;
        arm64) machine=aarch64 ;;
    esac
    # Whoever cannot keep it asks again.
    [ -z "$boot" ] || [ -h "$memory" ] || [ ! -d "${memory%/*}" ] || { echo "$boot $machine" >"$memory"; } 2>/dev/null
}

machine=''
if [ -r /proc/sys/kernel/arch ] && read -r machine </proc/sys/kernel/arch; then
    program=plugdeps-linux-$machine
elif [ -d /System/Library ]; then
    program=plugdeps-macos
elif [ "${OS:-}" = Windows_NT ]; then
    program=plugdeps.exe
else
    look_around
    program=plugdeps-linux-$machine
fi
[ -f "$here/$program" ] || refuse "there is no \`$program\` in \`$here\`, and so none for this machine"
exec "$here/$program" "$@"
