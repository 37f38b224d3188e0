#compdef goaudit
# zsh completion for goaudit(1)

_goaudit_pids() {
	local -a pids
	pids=(${(f)"$(goaudit status --json 2>/dev/null | sed -n 's/.*"pid": \([0-9]*\).*/\1/p')"})
	_describe 'process' pids
}

_goaudit() {
	local -a commands
	commands=(
		'build:build a Go package as a guest'
		'bundle:put a program and its guests together'
		'dfly:run a program for DragonFly BSD'
		'init:put package goaudit/guest into a module'
		'inspect:say whether a library reloads'
		'reload:have a process take new builds'
		'run:run a program that can reload'
		'runtime:the shared Go runtime library'
		'status:what processes have loaded'
		'watch:run a program, build its guest at each save'
	)
	if (( CURRENT == 2 )); then
		_describe 'command' commands
		return
	fi
	local command=$words[2]
	shift words
	(( CURRENT-- ))
	case $command in
	build) _arguments '-o[the file]:file:_files' '-C[folder]:folder:_files -/' '-exe' '-share[packages]:pattern:' '*:package:_files' ;;
	bundle) _arguments '--glibc' '--strip' '1:folder:_files -/' '*:file:_files' ;;
	dfly) _arguments '--fail-settls[errno]:errno:' '--signals' '--trace' '*:file:_files' ;;
	init) _arguments '*:folder:_files -/' ;;
	inspect) _arguments '--host[program]:program:_files' '--runtime[libstd.so]:file:_files' '--json' '--quiet' '--strict' '*:file:_files' ;;
	reload) _arguments '--json' '1:process:_goaudit_pids' '*:guest:_files' ;;
	run) _arguments '--here-only' '--log[file]:file:_files' '--reloadable[glob]:glob:' '*::program:_normal' ;;
	runtime) _arguments '--clean' '--json' '--keep-current' '--list' '--print' ;;
	status) _arguments '--all' '--gone' '--json' '--metrics' '--watch' '*:process:_goaudit_pids' ;;
	watch) _arguments '--here-only' '--log[file]:file:_files' '--output[guest]:file:_files' '--program[folder]:folder:_files -/' '--reloadable[glob]:glob:' '*:file:_files' ;;
	esac
}

_goaudit "$@"
