# fish completion for goaudit(1)
set -l commands build bundle dfly init inspect reload run runtime status watch
complete -c goaudit -n "not __fish_seen_subcommand_from $commands" -f
complete -c goaudit -n __fish_use_subcommand -a build -d 'build a Go package as a guest'
complete -c goaudit -n __fish_use_subcommand -a bundle -d 'put a program and its guests together'
complete -c goaudit -n __fish_use_subcommand -a dfly -d 'run a program for DragonFly BSD'
complete -c goaudit -n __fish_use_subcommand -a init -d 'put package goaudit/guest into a module'
complete -c goaudit -n __fish_use_subcommand -a inspect -d 'say whether a library reloads'
complete -c goaudit -n __fish_use_subcommand -a reload -d 'have a process take new builds'
complete -c goaudit -n __fish_use_subcommand -a run -d 'run a program that can reload'
complete -c goaudit -n __fish_use_subcommand -a runtime -d 'the shared Go runtime library'
complete -c goaudit -n __fish_use_subcommand -a status -d 'what processes have loaded'
complete -c goaudit -n __fish_use_subcommand -a watch -d 'run a program, build its guest at each save'

function __goaudit_pids
    goaudit status --json 2>/dev/null | string match -r -g '"pid": (\d+)'
end

complete -c goaudit -n '__fish_seen_subcommand_from build' -o o -r
complete -c goaudit -n '__fish_seen_subcommand_from build' -o C -r
complete -c goaudit -n '__fish_seen_subcommand_from build' -o exe
complete -c goaudit -n '__fish_seen_subcommand_from build' -o share -x
complete -c goaudit -n '__fish_seen_subcommand_from bundle' -l glibc
complete -c goaudit -n '__fish_seen_subcommand_from bundle' -l strip
complete -c goaudit -n '__fish_seen_subcommand_from dfly' -l fail-settls -x
complete -c goaudit -n '__fish_seen_subcommand_from dfly' -l signals
complete -c goaudit -n '__fish_seen_subcommand_from dfly' -l trace
complete -c goaudit -n '__fish_seen_subcommand_from inspect' -l host -r
complete -c goaudit -n '__fish_seen_subcommand_from inspect' -l runtime -r
complete -c goaudit -n '__fish_seen_subcommand_from inspect' -l json
complete -c goaudit -n '__fish_seen_subcommand_from inspect' -l quiet
complete -c goaudit -n '__fish_seen_subcommand_from inspect' -l strict
complete -c goaudit -n '__fish_seen_subcommand_from reload status' -f -a '(__goaudit_pids)'
complete -c goaudit -n '__fish_seen_subcommand_from reload' -l json
complete -c goaudit -n '__fish_seen_subcommand_from run watch' -l here-only
complete -c goaudit -n '__fish_seen_subcommand_from run watch' -l log -r
complete -c goaudit -n '__fish_seen_subcommand_from run watch' -l reloadable -x
complete -c goaudit -n '__fish_seen_subcommand_from runtime' -l clean
complete -c goaudit -n '__fish_seen_subcommand_from runtime' -l json
complete -c goaudit -n '__fish_seen_subcommand_from runtime' -l keep-current
complete -c goaudit -n '__fish_seen_subcommand_from runtime' -l list
complete -c goaudit -n '__fish_seen_subcommand_from runtime' -l print
complete -c goaudit -n '__fish_seen_subcommand_from status' -l all
complete -c goaudit -n '__fish_seen_subcommand_from status' -l gone
complete -c goaudit -n '__fish_seen_subcommand_from status' -l json
complete -c goaudit -n '__fish_seen_subcommand_from status' -l metrics
complete -c goaudit -n '__fish_seen_subcommand_from status' -l watch
complete -c goaudit -n '__fish_seen_subcommand_from watch' -l output -r
complete -c goaudit -n '__fish_seen_subcommand_from watch' -l program -r
