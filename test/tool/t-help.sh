#!/bin/bash
# Each command's --help, its page in goaudit(1), the completions for bash, zsh and fish, and
# what the command really takes are the same.
. "$(dirname "$0")/../lib.sh"

tool=$GOAUDIT_BUILD/goaudit
page=$ROOT/audit/man/goaudit.1
# "-x --long" of each option, from --help.
helped() { "$tool" "$1" --help | sed -n 's/^  -\([A-Za-z]\), --\([a-z-]*\).*/-\1 --\2/p' | grep -v -e '--version' | sort; }
# The same from its section of the page.
paged() {
	sed -n "/^\.Ss goaudit $1\$/,/^\.S[sh]/p" "$page" |
		sed -n 's/^\.It Fl \([A-Za-z]\) , Fl -\([a-z-]*\).*/-\1 --\2/p' | sort
}
# Long options from the completion, by calling it.
completed() {
	bash -c '. "$1"; COMP_WORDS=(goaudit "$2" --); COMP_CWORD=2; _goaudit; printf "%s\n" "${COMPREPLY[@]}"' \
		_ "$ROOT/audit/package/completion.bash" "$1" | grep -vx -- --help | sort
}
commands=$("$tool" --help | sed -n '/^Commands:/,$s/^  \([a-z]*\) .*/\1/p' | sort)
[ "$commands" = "$(sed -n 's/^\.Ss goaudit //p' "$page" | sort)" ] || fail "commands of --help: $commands"
[ "$commands" = "$(bash -c '. "$1"; COMP_WORDS=(goaudit ""); COMP_CWORD=1; _goaudit; printf "%s\n" "${COMPREPLY[@]}"' \
	_ "$ROOT/audit/package/completion.bash" | grep -v '^--' | sort)" ] || fail "commands of the completion"
[ "$commands" = "$(sed -n '/^\.Sh SYN/,/^\.Sh DES/s/^\.Cm //p' "$page" | sort -u)" ] || fail "commands of the synopsis"
for command in $commands; do
	"$tool" "$command" --help >help.txt || fail "$command --help: $?"
	grep -q "^Usage: goaudit $command" help.txt || fail "$command --help: $(head -n 1 help.txt)"
	case $command in build | init) continue ;; esac	# the one's flags are go's, the other has none
	helped $command >a; paged $command >b
	[ -s a ] || fail "$command: no options in its --help"
	diff a b || fail "$command: --help and manual differ"
	cut -d' ' -f2 a | sort >c
	completed $command | diff c - || fail "$command: --help and completion differ"
	sed -n "s/.*seen_subcommand_from .*\\b$command\\b.*' -l \\([a-z-]*\\).*/--\\1/p" \
		"$ROOT/audit/package/completion.fish" | grep -vx -- --help | sort | diff c - ||
		fail "$command: --help and completion for fish differ"
	sed -n "s/^\t$command) //p" "$ROOT/audit/package/completion.zsh" | grep -oE -- '--[a-z-]+' | sort | diff c - ||
		fail "$command: --help and completion for zsh differ"
	# Each letter is in the synopsis.
	synopsis=$(sed -n '/^\.Sh SYN/,/^\.Sh DES/p' "$page" |
		awk -v c=".Cm $command" '$0 == c { in_it = 1 } /^\.(Nm|Sh)/ { in_it = 0 } in_it' |
		grep -o 'Fl [A-Za-z]*' | cut -d' ' -f2 | tr -d '\n' | fold -w1 | sort -u | tr -d '\n')
	[ "$synopsis" = "$(cut -c2 a | sort -u | tr -d '\n')" ] || fail "$command: synopsis has -$synopsis"
	# What is not there is refused, with status 2.
	status=0; "$tool" $command --no-such-option >out.txt 2>&1 || status=$?
	[ $status = 2 ] || fail "$command --no-such-option: exit status $status"
	grep -q "^goaudit $command: unrecognized option '--no-such-option'" out.txt || fail "$(cat out.txt)"
done
# Every variable that the tool or the module reads is in a manual page.
# shellcheck disable=SC2013
for name in $(grep -rhoE 'getenv\("[A-Z_]+"\)' "$ROOT/audit" | grep -oE '[A-Z_]{2,}' | sort -u); do
	case $name in
	PATH | HOME | LD_AUDIT | LD_LIBRARY_PATH | GOAUDIT_STD | GOAUDIT_LIBSTD | GOAUDIT_LINK* | GOAUDIT_STUB | GOAUDIT_KIND | GOAUDIT_HEADERS | GOAUDIT_PACKAGES | GOAUDIT_SHARE_* | GOAUDIT_TELL | GOAUDIT_TEST_*) continue ;;	# usual; between its own parts
	esac
	grep -q "^\.\(It \)*Ev $name\b" "$ROOT"/audit/man/goaudit.[17] || grep -q "\b$name\b" "$ROOT"/audit/man/goaudit.[17] || fail "$name: not in the manual"
done
# Findings of inspect are all named there.
for id in $(grep -hoE '"[a-z]+(-[a-z]+)*",?$|LEVEL_[A-Z]+, "[a-z-]+"' "$ROOT"/audit/tool/inspect/*.c | grep LEVEL | grep -oE '[a-z-]+"' | tr -d '"' | sort -u); do
	sed -n '/^\.Ss goaudit inspect/,/^\.Ss goaudit run/p' "$page" | grep -qw -- "$id" || fail "finding $id: not in the manual"
done
mandoc -Tlint -Wwarning "$ROOT"/audit/man/* >lint 2>&1 || fail "$(cat lint)"
