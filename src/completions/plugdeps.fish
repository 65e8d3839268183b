# For ~/.config/fish/config.fish: plugdeps completions fish | source

function __plugdeps_offer
    set -l typed (commandline -opc) (commandline -ct)
    set -l offered (command plugdeps completions fish $typed[2..-1] 2>/dev/null)
    switch "$offered[1]"
        case :directory
            __fish_complete_directories (commandline -ct) ''
        case :file
            __fish_complete_path (commandline -ct)
        case :command
            __fish_complete_command
        case '?*'
            printf '%s\n' $offered
    end
end

complete -c plugdeps -f -a '(__plugdeps_offer)'
