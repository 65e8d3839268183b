# shellcheck shell=bash
# For ~/.bashrc: eval "$(plugdeps completions bash)"

_plugdeps() {
    local current=${COMP_WORDS[COMP_CWORD]} line
    COMPREPLY=()
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(
        command plugdeps completions bash "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null
    )
    case ${COMPREPLY[0]-} in
        :*)
            line=${COMPREPLY[0]#:}
            COMPREPLY=()
            [ "$current" != = ] || current=''
            compopt -o filenames 2>/dev/null # bash 3.2 has none
            while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -A "$line" -- "$current")
            ;;
    esac
}

complete -F _plugdeps plugdeps
