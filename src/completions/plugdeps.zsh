#compdef plugdeps
# As a file `_plugdeps` in a directory of `fpath`, or in ~/.zshrc behind `compinit`: eval "$(plugdeps completions zsh)"

_plugdeps() {
    local -a offered
    offered=("${(@f)$(command plugdeps completions zsh "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    case $offered[1] in
        :directory) compset -P '--*='; _files -/ ;;
        :file) compset -P '--*='; _files ;;
        :command) _command_names -e ;;
        ?*) _describe plugdeps offered ;;
    esac
}

if [ "$funcstack[1]" = _plugdeps ]; then _plugdeps "$@"; else compdef _plugdeps plugdeps; fi
