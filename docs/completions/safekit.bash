# Completion of the command safekit for bash.
_safekit() {
    local word=${COMP_WORDS[COMP_CWORD]} line="${COMP_WORDS[*]:1:COMP_CWORD-1}" words
    case "$line" in
    "cluster config"*) words=" --json --root" ;;
    "cluster confcheck"*) words=" --json --root" ;;
    "cluster export"*) words=" --json --root" ;;
    "cluster confinfo"*) words=" --json --root" ;;
    "cluster state"*) words=" --json --root" ;;
    "cluster genkey"*) words="--force --json --root" ;;
    "cluster delkey"*) words="--force --json --root" ;;
    "cluster deconfig"*) words=" --json --root" ;;
    "module install"*) words="-m -r --json --root" ;;
    "module package"*) words="-m --json --root" ;;
    "module uninstall"*) words="-m --json --root" ;;
    "module list"*) words=" --json --root" ;;
    "module listid"*) words=" --json --root" ;;
    "module getports"*) words="-m -i --json --root" ;;
    "confcheck"*) words="-m --json --root" ;;
    "config"*) words="-m --json --root" ;;
    "update"*) words="-m --json --root" ;;
    "confinfo"*) words="-m --json --root" ;;
    "deconfig"*) words="-m --json --root" ;;
    "start"*) words="-m -i --json --root" ;;
    "stop"*) words="-m -i --json --root" ;;
    "restart"*) words="-m -i --json --root" ;;
    "stopstart"*) words="-m -i --json --root" ;;
    "forcestop"*) words="-m -i --json --root" ;;
    "waitstart"*) words="-m --timeout --json --root" ;;
    "waitstop"*) words="-m --timeout --json --root" ;;
    "waitstate"*) words="-m --timeout --json --root" ;;
    "boot"*) words="-m --json --root" ;;
    "shutdown"*) words=" --json --root" ;;
    "state"*) words="-m -v -l -q --json --root" ;;
    "top"*) words="-m --interval --once --json --root" ;;
    "errd list"*) words="-m --json --root" ;;
    "log"*) words="-m -s -A --json --root" ;;
    "logview"*) words="-m -s -A --json --root" ;;
    "logsave"*) words="-m -A --json --root" ;;
    "cmdlog"*) words="-s --json --root" ;;
    "level"*) words="-m --json --root" ;;
    "help"*) words="--as --json --root" ;;
    "printe"*) words="-m --json --root" ;;
    "printi"*) words="-m --json --root" ;;
    "incloop"*) words="-m -i --json --root" ;;
    "checkloop"*) words="-m --json --root" ;;
    "resetloop"*) words="-m -i --json --root" ;;
    "kill"*) words="--name --argregex --level --json --root" ;;
    "boundcmd"*) words=" --json --root" ;;
    "processtree list"*) words=" --json --root" ;;
    "processtree kill"*) words=" --json --root" ;;
    "cluster") words="config confcheck export confinfo state genkey delkey deconfig" ;;
    "module") words="install package uninstall list listid getports" ;;
    "errd") words="list" ;;
    "processtree") words="list kill" ;;
    *) words="cluster module confcheck config update confinfo deconfig start stop restart stopstart forcestop waitstart waitstop waitstate boot shutdown state top errd log logview logsave cmdlog level help printe printi incloop checkloop resetloop kill boundcmd processtree --help --json --root --version" ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _safekit safekit
