//! The rows of the guide.

/// Commands that belong together.
#[derive(Debug)]
pub(super) struct Group {
    /// What they are about.
    pub(super) title: &'static str,
    /// The commands.
    pub(super) rows: &'static [Row],
}

/// One command.
#[derive(Debug)]
pub(super) struct Row {
    /// Its words.
    pub(super) words: &'static str,
    /// What usually follows.
    pub(super) usage: &'static str,
    /// What it does.
    pub(super) line: &'static str,
    /// How it is written.
    pub(super) example: &'static str,
    /// What else to know, its own exit codes included; may be empty.
    pub(super) notes: &'static str,
}

/// All commands.
pub(super) const GROUPS: &[Group] = &[
    Group {
        title: "Cluster: the nodes and their networks, the same on every node",
        rows: &[
            Row {
                words: "cluster config",
                usage: "[FILE]",
                line: "Apply cluster.xml, or another node's cluster.zip",
                example: "safekit cluster config /tmp/cluster.xml lock",
                notes: "A .zip brings the keys of another node, an .xml gets new ones; without FILE the cluster.xml that is there gets new keys. With 'lock' later configurations are refused until 'safekit cluster config unlock'; lock and unlock without FILE change nothing else.",
            },
            Row {
                words: "cluster confcheck",
                usage: "FILE",
                line: "Check cluster.xml or cluster.zip, change nothing",
                example: "safekit cluster confcheck /tmp/cluster.xml",
                notes: "Exit code 65 where there are faults; each is one line with its place.",
            },
            Row {
                words: "cluster export",
                usage: "FILE.zip",
                line: "Write cluster.xml and keys, for the other nodes",
                example: "safekit cluster export /root/cluster.zip",
                notes: "Whoever has the file can speak as a node: keep it secret.",
            },
            Row {
                words: "cluster confinfo",
                usage: "",
                line: "Show whether all nodes have the same cluster.xml",
                example: "safekit cluster confinfo",
                notes: "The lock is known of this node only.",
            },
            Row {
                words: "cluster state",
                usage: "",
                line: "Show every module on every node",
                example: "safekit cluster state",
                notes: "",
            },
            Row {
                words: "cluster genkey",
                usage: "[--force]",
                line: "Make a new key on this node",
                example: "safekit cluster genkey --force && safekit cluster export /root/cluster.zip",
                notes: "Refused while other nodes are heard: they would no longer hear this one. With --force it is done; carry an export to every other node then.",
            },
            Row {
                words: "cluster delkey",
                usage: "[--force]",
                line: "Run without keys on this node",
                example: "safekit cluster delkey",
                notes: "Without keys whoever reaches the port can speak as a node; each start of the agent says so. Refused while other nodes are heard, unless --force is given.",
            },
            Row {
                words: "cluster deconfig",
                usage: "",
                line: "Leave the cluster, remove configuration and keys",
                example: "safekit cluster deconfig",
                notes: "Refused while a module is not STOP. The modules stay installed and configured.",
            },
        ],
    },
    Group {
        title: "Modules: an application, its scripts and its configuration",
        rows: &[
            Row {
                words: "module install",
                usage: "-m AM PATH",
                line: "Put a folder or .safe file into SAFE/modules/AM",
                example: "safekit module install -m web -r /root/web.safe",
                notes: "PATH is a folder with conf/userconfig.xml and bin/, or a .safe or .zip file of such a folder. 'safekit config -m AM' puts it in force.",
            },
            Row {
                words: "module package",
                usage: "-m AM X.safe",
                line: "Write SAFE/modules/AM as a .safe file",
                example: "safekit module package -m web /root/web.safe",
                notes: "It can be installed again, here or on another node. It holds what was edited, applied or not.",
            },
            Row {
                words: "module uninstall",
                usage: "-m AM",
                line: "Remove a stopped module",
                example: "safekit module uninstall -m web",
                notes: "A package of it is kept in SAFE/Application_Modules/backup.",
            },
            Row {
                words: "module list",
                usage: "",
                line: "List the modules of this node",
                example: "safekit module list",
                notes: "",
            },
            Row {
                words: "module listid",
                usage: "",
                line: "List the modules with their ids",
                example: "safekit module listid",
                notes: "",
            },
            Row {
                words: "module getports",
                usage: "-m AM|-i ID",
                line: "Show the ports that are used for a module",
                example: "safekit module getports -m web",
                notes: "Heartbeats of all modules travel on the port of the cluster.",
            },
            Row {
                words: "confcheck",
                usage: "-m AM",
                line: "Check the configuration, change nothing",
                example: "safekit confcheck -m web",
                notes: "Exit code 65 where there are faults; each is one line with its place.",
            },
            Row {
                words: "config",
                usage: "-m AM",
                line: "Apply the configuration",
                example: "safekit config -m web",
                notes: "A running module takes what may change while it runs; anything else is refused by name, and nothing changes.",
            },
            Row {
                words: "update",
                usage: "-m AM",
                line: "Apply the configuration to a running module",
                example: "safekit update -m web",
                notes: "As config, but refused where the module does not run.",
            },
            Row {
                words: "confinfo",
                usage: "-m AM",
                line: "Show which configuration is applied",
                example: "safekit confinfo -m web",
                notes: "",
            },
            Row {
                words: "deconfig",
                usage: "-m AM",
                line: "Remove the configuration of a stopped module",
                example: "safekit deconfig -m web",
                notes: "The module stays installed, and its logs stay.",
            },
        ],
    },
    Group {
        title: "Control of a module on this node",
        rows: &[
            Row {
                words: "start",
                usage: "-m AM",
                line: "Start: STOP -> WAIT -> UP",
                example: "safekit start -m web && safekit waitstart -m web --timeout 1m",
                notes: "It ends as soon as the start is begun. Without -i it counts as an administrator's, and maxloop counts from 0 again.",
            },
            Row {
                words: "stop",
                usage: "-m AM",
                line: "Stop: UP -> WAIT -> STOP, clients drain first",
                example: "safekit stop -m web && safekit waitstop -m web",
                notes: "It ends as soon as the stop is begun. Behind a load balancer the health answer is negative for the time of drain before the application is stopped.",
            },
            Row {
                words: "restart",
                usage: "-m AM",
                line: "Stop and start the application, UP meanwhile",
                example: "safekit restart -m web",
                notes: "stop_both and start_both are run, drain first.",
            },
            Row {
                words: "stopstart",
                usage: "-m AM",
                line: "Stop the module wholly, then start it",
                example: "safekit stopstart -m web -i checker",
                notes: "",
            },
            Row {
                words: "forcestop",
                usage: "-m AM",
                line: "Stop without drain and without waiting",
                example: "safekit forcestop -m web",
                notes: "For when stop has no effect. Given once more, after 5 s of a script, it ends that script.",
            },
            Row {
                words: "waitstart",
                usage: "-m AM",
                line: "Wait until it is UP (Ready)",
                example: "safekit waitstart -m web --timeout 1m",
                notes: "Exit code 75 where it does not come in time, or nobody starts it.",
            },
            Row {
                words: "waitstop",
                usage: "-m AM",
                line: "Wait until it is STOP (NotReady)",
                example: "safekit waitstop -m web --timeout 1m",
                notes: "Exit code 75 where it does not come in time, or nobody stops it.",
            },
            Row {
                words: "waitstate",
                usage: "-m AM STATE",
                line: "Wait until it is STOP or UP",
                example: "safekit waitstate -m web UP --timeout 30s",
                notes: "Exit code 75 where it does not come in time, or can no longer come.",
            },
            Row {
                words: "boot",
                usage: "on|off|status [-m AM]",
                line: "Start it with the agent of this node, or not",
                example: "safekit boot on -m web",
                notes: "Counts where userconfig.xml says boot=\"ignore\", and holds until the opposite is said. 'status' without -m shows all modules.",
            },
            Row {
                words: "errd on",
                usage: "-m AM",
                line: "Watch the module's processes again",
                example: "safekit errd on -m web",
                notes: "",
            },
            Row {
                words: "errd off",
                usage: "-m AM",
                line: "Watch no process of the module",
                example: "safekit errd off -m web",
                notes: "Holds until 'safekit errd on' or 'safekit config'; stop and start do not change it.",
            },
            Row {
                words: "errd enable",
                usage: "-m AM CLASS",
                line: "Watch the processes of a class of your own",
                example: "safekit errd enable -m web batch",
                notes: "The class is that of <proc class>. Its processes are watched while the application runs, until 'safekit errd disable' or the module stops.",
            },
            Row {
                words: "errd disable",
                usage: "-m AM CLASS",
                line: "Watch the processes of a class no longer",
                example: "safekit errd disable -m web batch",
                notes: "",
            },
            Row {
                words: "shutdown",
                usage: "",
                line: "Stop all modules of this node",
                example: "safekit shutdown",
                notes: "The agent goes on.",
            },
        ],
    },
    Group {
        title: "Look",
        rows: &[
            Row {
                words: "state",
                usage: "[-m AM [-v|-lq]]",
                line: "Show the nodes and all modules, or one module",
                example: "safekit state -m web -lq",
                notes: "With -v every resource, the last run of each script, and what the module's own script 'state' says; with -lq the state's word, and exit code 0 STOP, 1 WAIT, 2 UP.",
            },
            Row {
                words: "top",
                usage: "[-m AM]",
                line: "Watch the farm live; --once prints it once",
                example: "safekit top -m web --interval 2s",
                notes: "q or Ctrl-C ends it. It asks the agent of this node once in each interval (200ms to 1h, 1s where it is not given). For programs there is 'safekit state --json'.",
            },
            Row {
                words: "errd list",
                usage: "-m AM",
                line: "List the watched processes of a module",
                example: "safekit errd list -m web",
                notes: "",
            },
            Row {
                words: "log",
                usage: "[-m AM]",
                line: "Show the newest lines of a module's or node's log",
                example: "safekit log -m web -A -s 50",
                notes: "",
            },
            Row {
                words: "logview",
                usage: "[-m AM]",
                line: "Show a log, and each new line until Ctrl-C",
                example: "safekit logview -m web -s 20",
                notes: "",
            },
            Row {
                words: "logsave",
                usage: "[-m AM] FILE",
                line: "Write a log to a file",
                example: "safekit logsave -m web -A /tmp/web.log",
                notes: "All that is kept: up to 10 MiB of the last 30 days; the main messages, with -A all.",
            },
            Row {
                words: "cmdlog",
                usage: "",
                line: "Show who gave which command to this agent",
                example: "safekit cmdlog -s 50",
                notes: "",
            },
            Row {
                words: "level",
                usage: "[-m AM]",
                line: "Show host, operating system, version, licence",
                example: "safekit level -m web",
                notes: "With -m also the module, and what its own script 'level' says.",
            },
            Row {
                words: "help",
                usage: "[COMMAND]",
                line: "Explain a command",
                example: "safekit help module install",
                notes: "",
            },
        ],
    },
    Group {
        title: "Inside scripts and checkers",
        rows: &[
            Row {
                words: "printe",
                usage: "MESSAGE",
                line: "Write an event to the module's log",
                example: "safekit printe \"the disk is full\"",
                notes: "",
            },
            Row {
                words: "printi",
                usage: "MESSAGE",
                line: "Write a line to the module's verbose log",
                example: "safekit printi \"cache is warm\"",
                notes: "",
            },
            Row {
                words: "incloop",
                usage: "-m AM -i WHO",
                line: "Count an automatic action against maxloop",
                example: "safekit incloop -m web -i checker || safekit stop -m web -i checker",
                notes: "Exit code 1: as many as maxloop allows were counted before, and the module should be stopped. An error never has exit code 1.",
            },
            Row {
                words: "checkloop",
                usage: "-m AM",
                line: "Tell whether maxloop is reached",
                example: "safekit checkloop -m web",
                notes: "Exit code 1: the next automatic action stops the module. 0: it does not.",
            },
            Row {
                words: "resetloop",
                usage: "-m AM",
                line: "Forget the counted automatic actions",
                example: "safekit resetloop -m web",
                notes: "",
            },
            Row {
                words: "kill",
                usage: "-name=N -level=L",
                line: "List or end processes by their name",
                example: "safekit kill -name=httpd -argregex='-f /etc/web' -level=test",
                notes: "Names and regular expressions count as in <proc>. Levels: test lists, terminate and 15 ask to end, 9 ends. Signals are sent with the rights of the caller; never to this command and those that started it.",
            },
            Row {
                words: "boundcmd",
                usage: "SECONDS COMMAND",
                line: "Run a command for a limited time",
                example: "safekit boundcmd 10 curl -f http://127.0.0.1/",
                notes: "Exit code of the command, or 2 when the time is over: then it and all that it has started in its process group are ended.",
            },
            Row {
                words: "processtree list",
                usage: "[PID]",
                line: "Show a process and all that it has started",
                example: "safekit processtree list 4711",
                notes: "",
            },
            Row {
                words: "processtree kill",
                usage: "PID",
                line: "End a process and all that it has started",
                example: "safekit processtree kill 4711",
                notes: "Signals are sent with the rights of the caller.",
            },
        ],
    },
];
