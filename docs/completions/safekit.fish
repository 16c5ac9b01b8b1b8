# Completion of the command safekit for fish.
function __safekit_words
    set -l line (commandline -opc)
    set -e line[1]
    set -l skip no
    for word in $line
        if test $skip = yes
            set skip no
            continue
        end
        switch $word
            case --root
                set skip yes
            case --argregex --as --interval --level --name --timeout -i -m -s
                set skip yes
            case '-*'
            case '*'
                echo $word
        end
    end
end
# Whether the words of the command so far are these, or these and arguments of the command.
function __safekit_at
    set -l words (__safekit_words)
    set -l count (count $argv)
    test (count $words) -ge $count; and test "$words[1..$count]" = "$argv"
end
# Whether the words of the command so far are exactly these.
function __safekit_now
    test "$(__safekit_words | string join ' ')" = "$argv"
end
function __safekit_modules
    set -l line (commandline -opc)
    set -l root
    if set -l at (contains -i -- --root $line)
        set root --root $line[(math $at + 1)]
    end
    $line[1] boundcmd 2 $line[1] $root module listid 2>/dev/null | awk 'NR > 1 { print $1 }'
end
complete -c safekit -f
complete -c safekit -l json -d 'Print the JSON of the agent'
complete -c safekit -l root -r -a '(__fish_complete_directories)' -d 'Folder of the root of the agent'
complete -c safekit -l help -d 'Explain'
complete -c safekit -n __safekit_now -a cluster -d '...'
complete -c safekit -n __safekit_now -a module -d '...'
complete -c safekit -n __safekit_now -a confcheck -d 'Check the configuration, change nothing'
complete -c safekit -n __safekit_now -a config -d 'Apply the configuration'
complete -c safekit -n __safekit_now -a update -d 'Apply the configuration to a running module'
complete -c safekit -n __safekit_now -a confinfo -d 'Show which configuration is applied'
complete -c safekit -n __safekit_now -a deconfig -d 'Remove the configuration of a stopped module'
complete -c safekit -n __safekit_now -a start -d 'Start: STOP -> WAIT -> UP'
complete -c safekit -n __safekit_now -a stop -d 'Stop: UP -> WAIT -> STOP, clients drain first'
complete -c safekit -n __safekit_now -a restart -d 'Stop and start the application, UP meanwhile'
complete -c safekit -n __safekit_now -a stopstart -d 'Stop the module wholly, then start it'
complete -c safekit -n __safekit_now -a forcestop -d 'Stop without drain and without waiting'
complete -c safekit -n __safekit_now -a waitstart -d 'Wait until it is UP (Ready)'
complete -c safekit -n __safekit_now -a waitstop -d 'Wait until it is STOP (NotReady)'
complete -c safekit -n __safekit_now -a waitstate -d 'Wait until it is STOP or UP'
complete -c safekit -n __safekit_now -a boot -d 'Start it with the agent of this node, or not'
complete -c safekit -n __safekit_now -a errd -d '...'
complete -c safekit -n __safekit_now -a shutdown -d 'Stop all modules of this node'
complete -c safekit -n __safekit_now -a state -d 'Show the nodes and all modules, or one module'
complete -c safekit -n __safekit_now -a top -d 'Watch the farm live; --once prints it once'
complete -c safekit -n __safekit_now -a log -d 'Show the newest lines of a module’s or node’s log'
complete -c safekit -n __safekit_now -a logview -d 'Show a log, and each new line until Ctrl-C'
complete -c safekit -n __safekit_now -a logsave -d 'Write a log to a file'
complete -c safekit -n __safekit_now -a cmdlog -d 'Show who gave which command to this agent'
complete -c safekit -n __safekit_now -a level -d 'Show host, operating system, version, licence'
complete -c safekit -n __safekit_now -a help -d 'Explain a command'
complete -c safekit -n __safekit_now -a printe -d 'Write an event to the module’s log'
complete -c safekit -n __safekit_now -a printi -d 'Write a line to the module’s verbose log'
complete -c safekit -n __safekit_now -a incloop -d 'Count an automatic action against maxloop'
complete -c safekit -n __safekit_now -a checkloop -d 'Tell whether maxloop is reached'
complete -c safekit -n __safekit_now -a resetloop -d 'Forget the counted automatic actions'
complete -c safekit -n __safekit_now -a kill -d 'List or end processes by their name'
complete -c safekit -n __safekit_now -a boundcmd -d 'Run a command for a limited time'
complete -c safekit -n __safekit_now -a processtree -d '...'
complete -c safekit -n '__safekit_now cluster' -a config -d 'Apply cluster.xml, or another node’s cluster.zip'
complete -c safekit -n '__safekit_now cluster' -a confcheck -d 'Check cluster.xml or cluster.zip, change nothing'
complete -c safekit -n '__safekit_now cluster' -a export -d 'Write cluster.xml and keys, for the other nodes'
complete -c safekit -n '__safekit_now cluster' -a confinfo -d 'Show whether all nodes have the same cluster.xml'
complete -c safekit -n '__safekit_now cluster' -a state -d 'Show every module on every node'
complete -c safekit -n '__safekit_now cluster' -a genkey -d 'Make a new key on this node'
complete -c safekit -n '__safekit_now cluster' -a delkey -d 'Run without keys on this node'
complete -c safekit -n '__safekit_now cluster' -a deconfig -d 'Leave the cluster, remove configuration and keys'
complete -c safekit -n '__safekit_now module' -a install -d 'Put a folder or .safe file into SAFE/modules/AM'
complete -c safekit -n '__safekit_now module' -a package -d 'Write SAFE/modules/AM as a .safe file'
complete -c safekit -n '__safekit_now module' -a uninstall -d 'Remove a stopped module'
complete -c safekit -n '__safekit_now module' -a list -d 'List the modules of this node'
complete -c safekit -n '__safekit_now module' -a listid -d 'List the modules with their ids'
complete -c safekit -n '__safekit_now module' -a getports -d 'Show the ports that are used for a module'
complete -c safekit -n '__safekit_now errd' -a on -d 'Watch the module’s processes again'
complete -c safekit -n '__safekit_now errd' -a off -d 'Watch no process of the module'
complete -c safekit -n '__safekit_now errd' -a enable -d 'Watch the processes of a class of your own'
complete -c safekit -n '__safekit_now errd' -a disable -d 'Watch the processes of a class no longer'
complete -c safekit -n '__safekit_now errd' -a list -d 'List the watched processes of a module'
complete -c safekit -n '__safekit_now processtree' -a list -d 'Show a process and all that it has started'
complete -c safekit -n '__safekit_now processtree' -a kill -d 'End a process and all that it has started'
complete -c safekit -n '__safekit_at cluster config' -a 'lock unlock'
complete -c safekit -n '__safekit_at cluster config' -F
complete -c safekit -n '__safekit_at cluster confcheck' -F
complete -c safekit -n '__safekit_at cluster export' -F
complete -c safekit -n '__safekit_at cluster genkey' -l force -d 'Even though other nodes are heard: they no longer are until they get the same'
complete -c safekit -n '__safekit_at cluster delkey' -l force -d 'Even though other nodes are heard: they no longer are until they get the same'
complete -c safekit -n '__safekit_at module install' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at module install' -s r -d 'Replace an installed module of that name'
complete -c safekit -n '__safekit_at module install' -F
complete -c safekit -n '__safekit_at module package' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at module package' -F
complete -c safekit -n '__safekit_at module uninstall' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at module getports' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at module getports' -s i -x -d 'The module by its id'
complete -c safekit -n '__safekit_at confcheck' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at config' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at update' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at confinfo' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at deconfig' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at start' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at start' -s i -x -d 'The detector that gives the command: it counts against maxloop; without it an administrator does'
complete -c safekit -n '__safekit_at stop' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at stop' -s i -x -d 'The detector that gives the command: it counts against maxloop; without it an administrator does'
complete -c safekit -n '__safekit_at restart' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at restart' -s i -x -d 'The detector that gives the command: it counts against maxloop; without it an administrator does'
complete -c safekit -n '__safekit_at stopstart' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at stopstart' -s i -x -d 'The detector that gives the command: it counts against maxloop; without it an administrator does'
complete -c safekit -n '__safekit_at forcestop' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at forcestop' -s i -x -d 'The detector that gives the command: it counts against maxloop; without it an administrator does'
complete -c safekit -n '__safekit_at waitstart' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at waitstart' -l timeout -x -d 'How long at most: 500ms, 30s, 5m, 1h; a bare number is seconds; without it for ever'
complete -c safekit -n '__safekit_at waitstop' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at waitstop' -l timeout -x -d 'How long at most: 500ms, 30s, 5m, 1h; a bare number is seconds; without it for ever'
complete -c safekit -n '__safekit_at waitstate' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at waitstate' -l timeout -x -d 'How long at most: 500ms, 30s, 5m, 1h; a bare number is seconds; without it for ever'
complete -c safekit -n '__safekit_at waitstate' -a 'STOP UP'
complete -c safekit -n '__safekit_at boot' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at boot' -a 'on off status'
complete -c safekit -n '__safekit_at errd on' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at errd off' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at errd enable' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at errd disable' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at state' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at state' -s v -d 'Show every resource with value and date'
complete -c safekit -n '__safekit_at state' -s l -d 'With -q: of this node only'
complete -c safekit -n '__safekit_at state' -s q -d 'With -l: print the state’s word, and exit with 0 STOP, 1 WAIT, 2 UP'
complete -c safekit -n '__safekit_at top' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at top' -l interval -x -d 'Time between two looks: 200ms to 1h'
complete -c safekit -n '__safekit_at top' -l once -d 'Print the view once, and end'
complete -c safekit -n '__safekit_at errd list' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at log' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at log' -s s -x -d 'How many lines'
complete -c safekit -n '__safekit_at log' -s A -d 'All lines, not only the main ones'
complete -c safekit -n '__safekit_at logview' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at logview' -s s -x -d 'How many lines'
complete -c safekit -n '__safekit_at logview' -s A -d 'All lines, not only the main ones'
complete -c safekit -n '__safekit_at logsave' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at logsave' -s A -d 'All lines, not only the main ones'
complete -c safekit -n '__safekit_at logsave' -F
complete -c safekit -n '__safekit_at cmdlog' -s s -x -d 'How many lines'
complete -c safekit -n '__safekit_at level' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at help' -l as -x -a 'markdown man bash zsh fish' -d 'Print everything in another form, for packaging'
complete -c safekit -n '__safekit_at help' -a 'cluster module confcheck config update confinfo deconfig start stop restart stopstart forcestop waitstart waitstop waitstate boot shutdown state top errd log logview logsave cmdlog level help printe printi incloop checkloop resetloop kill boundcmd processtree'
complete -c safekit -n '__safekit_at printe' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at printi' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at incloop' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at incloop' -s i -x -d 'The detector that gives the command: it counts against maxloop; without it an administrator does'
complete -c safekit -n '__safekit_at checkloop' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at resetloop' -s m -x -a '(__safekit_modules)' -d 'The module; else the variable SAFEMODULE'
complete -c safekit -n '__safekit_at resetloop' -s i -x -d 'The detector that gives the command: it counts against maxloop; without it an administrator does'
complete -c safekit -n '__safekit_at kill' -l name -x -d 'Name of the processes, as the name of a proc'
complete -c safekit -n '__safekit_at kill' -l argregex -x -d 'Regular expression on the command line, as the argregex of a proc'
complete -c safekit -n '__safekit_at kill' -l level -x -a 'test terminate 9' -d 'What is done: test lists them, terminate and 15 ask them to end, 9 ends them'
complete -c safekit -n '__safekit_at boundcmd' -F
