# bash completion for goaudit(1)
_goaudit()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local commands='build bundle dfly init inspect reload run runtime status watch' options i
	COMPREPLY=()

	if [ "$COMP_CWORD" = 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$commands --help --version" -- "$cur")
		return
	fi
	# Behind "--" everything is the program's.
	for ((i = 2; i < COMP_CWORD; i++)); do
		if [ "${COMP_WORDS[i]}" = -- ]; then
			compopt -o default
			return
		fi
	done
	case ${COMP_WORDS[1]} in
	build) options='-o -C -exe -share -ldflags -gcflags -tags -trimpath -v -x --help' ;;
	bundle) options='--glibc --strip --help' ;;
	dfly) options='--fail-settls --signals --trace --help' ;;
	init) options='--help' ;;
	inspect) options='--host --json --quiet --runtime --strict --help' ;;
	run) options='--here-only --log --reloadable --help' ;;
	runtime) options='--clean --json --keep-current --list --print --help' ;;
	reload) options='--json --help' ;;
	status) options='--all --gone --json --metrics --watch --help' ;;
	watch) options='--here-only --log --output --program --reloadable --help' ;;
	*) options= ;;
	esac
	case $prev in
	--host | --runtime | --output | --program | -o | -C)
		compopt -o default
		return ;;
	esac
	case $cur in
	-*) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur") ;;
	*)
		case ${COMP_WORDS[1]} in
		reload | status) mapfile -t COMPREPLY < <(compgen -W \
			"$(goaudit status --json 2>/dev/null | sed -n 's/.*"pid": \([0-9]*\).*/\1/p')" -- "$cur") ;;
		runtime) mapfile -t COMPREPLY < <(compgen -W \
			"$(goaudit runtime --list 2>/dev/null | cut -d' ' -f1)" -- "$cur") ;;
		*) compopt -o default ;;
		esac ;;
	esac
}
complete -F _goaudit goaudit
