# Completion of the command safekit for bash.
_safekit() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    local at=1 first= second= options= values= files= word_wanted=
    local -a root=()
    while ((at < COMP_CWORD)); do
        case "${COMP_WORDS[at]}" in
        --root) root=(--root "${COMP_WORDS[at+1]}"); ((at++)) ;;
        --argregex|--as|--interval|--level|--name|--timeout|-i|-m|-s)
            ((at++)) ;;
        -*) ;;
        *) if [[ -z $first ]]; then first=${COMP_WORDS[at]}; elif [[ -z $second ]]; then second=${COMP_WORDS[at]}; fi ;;
        esac
        ((at++))
    done
    case "$first $second" in
    "cluster config") options="" values="lock unlock" files=yes ;;
    "cluster confcheck") options="" values="" files=yes ;;
    "cluster export") options="" values="" files=yes ;;
    "cluster confinfo") options="" values="" ;;
    "cluster state") options="" values="" ;;
    "cluster genkey") options="--force" values="" ;;
    "cluster delkey") options="--force" values="" ;;
    "cluster deconfig") options="" values="" ;;
    "module install") options="-m -r" values="" files=yes ;;
    "module package") options="-m" values="" files=yes ;;
    "module uninstall") options="-m" values="" ;;
    "module list") options="" values="" ;;
    "module listid") options="" values="" ;;
    "module getports") options="-m -i" values="" ;;
    "confcheck "*) options="-m" values="" ;;
    "config "*) options="-m" values="" ;;
    "update "*) options="-m" values="" ;;
    "confinfo "*) options="-m" values="" ;;
    "deconfig "*) options="-m" values="" ;;
    "start "*) options="-m -i" values="" ;;
    "stop "*) options="-m -i" values="" ;;
    "restart "*) options="-m -i" values="" ;;
    "stopstart "*) options="-m -i" values="" ;;
    "forcestop "*) options="-m -i" values="" ;;
    "waitstart "*) options="-m --timeout" values="" ;;
    "waitstop "*) options="-m --timeout" values="" ;;
    "waitstate "*) options="-m --timeout" values="STOP UP" ;;
    "boot "*) options="-m" values="on off status" ;;
    "errd on") options="-m" values="" ;;
    "errd off") options="-m" values="" ;;
    "errd enable") options="-m" values="" ;;
    "errd disable") options="-m" values="" ;;
    "shutdown "*) options="" values="" ;;
    "state "*) options="-m -v -l -q" values="" ;;
    "top "*) options="-m --interval --once" values="" ;;
    "errd list") options="-m" values="" ;;
    "log "*) options="-m -s -A" values="" ;;
    "logview "*) options="-m -s -A" values="" ;;
    "logsave "*) options="-m -A" values="" files=yes ;;
    "cmdlog "*) options="-s" values="" ;;
    "level "*) options="-m" values="" ;;
    "help "*) options="--as" values="cluster module confcheck config update confinfo deconfig start stop restart stopstart forcestop waitstart waitstop waitstate boot shutdown state top errd log logview logsave cmdlog level help printe printi incloop checkloop resetloop kill boundcmd processtree" ;;
    "printe "*) options="-m" values="" ;;
    "printi "*) options="-m" values="" ;;
    "incloop "*) options="-m -i" values="" ;;
    "checkloop "*) options="-m" values="" ;;
    "resetloop "*) options="-m -i" values="" ;;
    "kill "*) options="--name --argregex --level" values="" ;;
    "boundcmd "*) options="" values="" files=yes ;;
    "processtree list") options="" values="" ;;
    "processtree kill") options="" values="" ;;
    "cluster "*) values="config confcheck export confinfo state genkey delkey deconfig" ;;
    "module "*) values="install package uninstall list listid getports" ;;
    "errd "*) values="on off enable disable list" ;;
    "processtree "*) values="list kill" ;;
    *) values="cluster module confcheck config update confinfo deconfig start stop restart stopstart forcestop waitstart waitstop waitstate boot errd shutdown state top log logview logsave cmdlog level help printe printi incloop checkloop resetloop kill boundcmd processtree" ;;
    esac
    case "$before" in
    --argregex) values="" files= word_wanted=yes ;;
    --as) values="markdown man bash zsh fish" files= word_wanted=yes ;;
    --interval) values="" files= word_wanted=yes ;;
    --level) values="test terminate 9" files= word_wanted=yes ;;
    --name) values="" files= word_wanted=yes ;;
    --timeout) values="" files= word_wanted=yes ;;
    -i) values="" files= word_wanted=yes ;;
    -s) values="" files= word_wanted=yes ;;
    -m) values=$("${COMP_WORDS[0]}" boundcmd 2 "${COMP_WORDS[0]}" "${root[@]}" module listid 2>/dev/null | awk 'NR > 1 { print $1 }')
        files= word_wanted=yes ;;
    --root) COMPREPLY=($(compgen -d -- "$word")); return ;;
    esac
    if [[ -z $word_wanted && ( $word == -* || -z $values$files ) ]]; then
        values="$options --json --root --help" files=
    fi
    COMPREPLY=($(compgen -W "$values" -- "$word"))
    if [[ -n $files ]]; then
        compopt -o filenames
        COMPREPLY+=($(compgen -f -- "$word"))
    fi
}
complete -F _safekit safekit
