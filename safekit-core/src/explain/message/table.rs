//! The rows: one for each kind of line.

messages! {
    /// The rows of all events, in the order of the reference.
    MESSAGES;
    ACTION_CALLED: "module", User, "Action <command> called by <who>", Some("Action <command> called by <who>"),
        "A person, or a detector that gave its name with `-i`, has given a command that was taken",
        "";
    ACTION_BY_ERRD: "module", Event, "Action <command> called by errd", Some("Action <command> called by errd"),
        "The process monitor acts because of the fault in the line before",
        "find out why the process ended: its own log, and the userlog of start_both";
    ACTION_BY_MAXLOOP: "module", Event, "Action <command> called by maxloop", Some("Action <command> called by maxloop"),
        "More automatic actions than `maxloop` allows within `loop_interval`: the module is stopped and stays so",
        "mend the application, then `safekit start`, which counts from 0 again";
    ACTION_AT_BOOT: "module", Event, "Action <command> called at boot time", Some("Action <command> called at boot time"),
        "The agent has started with the host, and `boot` or `safekit boot on` wants the module started",
        "";
    ACTION_SHUTDOWN: "module", User, "Action shutdown called by safekit-agent", Some("Action shutdown called by"),
        "The agent was told to end, as at the end of the host, and stops the module first",
        "";
    ACTION_AUTOMATIC: "module", Event, "Action <command> called automatically", Some("Action <command> called automatically"),
        "The second half of a stopstart: the module is started again",
        "";
    STATE_STOP: "module", Event, "Local state STOP NotReady: <cause>", Some("Local state STOP NotReady"),
        "The module is stopped; health answer 404",
        "";
    STATE_WAIT_TRANSIENT: "module", Event, "Local state WAIT Transient: <cause>", Some("Local state WAIT Transient"),
        "The module is starting or stopping; health answer 404",
        "";
    STATE_WAIT_NOT_READY: "module", Event, "Local state WAIT NotReady: <cause>", Some("Local state WAIT NotReady"),
        "The module waits and serves nobody; health answer 404",
        "";
    STATE_UP_TRANSIENT: "module", Event, "Local state UP Transient: <cause>", Some("Local state UP Transient"),
        "start_both or stop_both runs, or a drain, or the node has to hear the others first; health answer 404",
        "where it lasts: `safekit state -m AM -v` says what it waits for";
    STATE_UP_READY: "module", Event, "Local state UP Ready: <cause>", Some("Local state UP Ready"),
        "The application runs and may be given clients; health answer 200",
        "";
    DRAIN_STARTED: "module", Event, "Draining for <time>: the health answer is negative, the application serves on", None,
        "A command stops the application once the balancer has had time to take the node out",
        "";
    NO_DRAIN_CONFIGURED: "module", Info, "No drain: it is configured so", None,
        "`drain=\"0\"`: the application is stopped at once",
        "";
    NO_DRAIN_PROBER: "module", Event, "No drain: no balancer asked in the last 60 s", None,
        "Nobody has asked for the health answer, so nobody has to learn that it is negative",
        "where there is a balancer: check that its health check asks for /var/modules/AM/ready.txt on port 9010";
    NO_DRAIN_NOBODY: "module", Event, "No drain: the module is Ready on no other node", None,
        "No other node could take the clients",
        "to lose no clients, start the module on another node first";
    NO_DRAIN_NOT_READY: "module", Info, "No drain: the module was not Ready", None,
        "No balancer sends clients here",
        "";
    NO_DRAIN_AUTOMATIC: "module", Info, "No drain: the action is automatic", None,
        "The application is already broken",
        "";
    BUDGET_USED: "module", Event, "Automatic action <number> of <maxloop> that are allowed", None,
        "A restart, stopstart or wait was counted",
        "at the last one: mend the application, then `safekit resetloop`";
    BUDGET_EXHAUSTED: "module", Critical, "More than <maxloop> automatic actions within <time>: the module stops, and nobody starts it again", None,
        "The application does not stay up, and is given up on this node",
        "mend it, then `safekit start`";
    SCRIPT_MISSING: "module", Event, "Script <script> is not installed: nothing was done in its place", None,
        "The module has no such script, or it cannot be executed",
        "add it to the bin folder of the package, executable, then `safekit module install -r` and `safekit config`";
    ADOPTED: "module", Event, "The agent has started again: the watched processes are there, no script is run", None,
        "The application was not touched",
        "";
    ADOPTED_UNWATCHED: "module", Event, "The agent has started again: the module was UP, but no process is watched that could show it; UP (Ready) after one poll time", None,
        "The application is taken to run: nothing says otherwise",
        "watch a process with `<errd>`, so that it is known";
    ADOPTED_UNKNOWN: "module", Event, "The agent has started again: the module was UP, but the host does not tell whether its services run; UP (Ready) after one poll time, or as soon as it does", None,
        "The application is taken to run: nothing says otherwise",
        "look whether `systemctl status` answers";
    PROCESSES_GONE: "module", Event, "The agent has started again: a watched process is gone", None,
        "The application broke while no agent ran: a restart follows",
        "";
    INTERRUPTED: "module", Event, "The agent has started again: the one before ended in the middle of a start or stop, so the application is stopped first", None,
        "How far the script came is not known",
        "";
    MODULE_NOT_STOPPED: "module", Event, "The module is not removed: it is not stopped", None,
        "A module that runs cannot be taken away",
        "`safekit stop`, then again";
    MODULE_KEY_TAKEN: "module", Event, "The module is not taken: in heartbeats its name cannot be told from that of module <module>; rename it", None,
        "Two names give the same number of 32 bits",
        "install it under another name";
    MODULES_TOO_MANY: "module", Event, "The module is not taken: a node has at most <number> modules", None,
        "The limit is reached",
        "`safekit deconfig` one that is not needed";
    MAY_STILL_RUN: "module", Critical, "The application may still run: the last stop_both <how>; look for its processes and end them by hand, or run 'safekit forcestop -m <module>' again", None,
        "The last stop_both, with `force`, did not come to its own end",
        "look for processes of the application, end them by hand, or `safekit forcestop` again; mend stop_both";
    SERVICES_UNKNOWN: "module", Critical, "it is not known whether the services that are watched run: <error>", None,
        "The host does not say how its services stand; that is no fault of the application, and nothing is done to it",
        "look whether `systemctl status` answers";
    NOT_SAVED: "module", Critical, "The state of the module cannot be saved: <error>; make room or mend the disk, until then a new agent would go by what was saved last", None,
        "The file state.json cannot be written",
        "make room, or mend the disk";
    SCRIPT_STARTED: "user", Script, "Script <script>[ <arguments>]", Some("Script <script>"),
        "A script of the module begins",
        "";
    SCRIPT_DONE: "user", Script, "Script <script>[ > <userlog>] ended after <time> with exit code 0", Some("Script <script>"),
        "A script has ended well; its output is in the userlog",
        "";
    SCRIPT_FAILED: "user", Event, "Script <script>[ > <userlog>] ended after <time> with exit code <code>", Some("Script <script>"),
        "A script says by its exit code that something went wrong. It is not acted upon",
        "read the userlog; a script that wants the module stopped runs `safekit stop -i NAME`";
    SCRIPT_SIGNALLED: "user", Event, "Script <script>[ > <userlog>] ended after <time> by signal <signal>", Some("Script <script>"),
        "Somebody else has killed the script: 9 may be the kernel for want of memory",
        "read the userlog and the log of the kernel";
    SCRIPT_LATE: "user", Event, "Script <script>[ > <userlog>] ended after <time> because its time limit had passed", Some("Script <script>"),
        "The script and what belongs to it was ended; the next one follows",
        "make it faster, or raise `nicestoptimeout`, `forcestoptimeout` or `starttimeout`";
    SCRIPT_ENDED: "user", Event, "Script <script>[ > <userlog>] ended after <time> because it was told to", Some("Script <script>"),
        "A stop or forcestop did not wait for it",
        "";
    SCRIPT_NOT_STARTED: "user", Event, "Script <script> could not be started: <error>", Some("Script <script>"),
        "The operating system does not run the file",
        "check its execute bit and its first line: the program named there must exist, and no line may end in CR LF";
    PROCESS_NOT_RUNNING: "errd", Event, "Process <name> not running: <count> found, at least <atleast> expected; action: <action>", Some("Process <name> not running"),
        "Fewer processes than there should be; the action follows",
        "find out why it ended; just after a start: check `name` and `argregex` with `safekit kill -name=NAME -level=test`";
    PROCESS_TOO_OFTEN: "errd", Event, "Process <name> running too often: <count> found, <atmax> is too many; action: <action>", None,
        "As many processes as `atmax`, or more; the action follows",
        "end those that do not belong, or raise `atmax`";
    PROCESS_COUNT: "errd", Event, "Process <name>: <count> found; action: <action>", None,
        "The number of processes is not what it should be",
        "";
    PROCESS_RECOVERED: "errd", Event, "Process <name> running again: <count> found", None,
        "The fault is over",
        "";
    SERVICE_NOT_RUNNING: "errd", Event, "Service <name> not running: <state>; action: <action>", Some("Service <name> not running"),
        "The host says that the service does not run; the action follows",
        "`systemctl status NAME` says why it ended";
    SERVICE_RUNNING: "errd", Event, "Service <name> running, and must not: <state>; action: <action>", None,
        "A service with `atmax=\"0\"` runs; the action follows",
        "stop it, and keep the host from starting it: `systemctl disable --now NAME`";
    SERVICE_RECOVERED: "errd", Event, "Service <name> running again: <state>", None,
        "The fault is over",
        "";
    SERVICE_GONE: "errd", Event, "Service <name> no longer running: <state>", None,
        "The fault is over: the service must not run, and does not",
        "";
    PROCESS_DIED: "errd", Info, "Process <name> (pid <pid>) has ended", None,
        "One of the watched processes is gone; whether that is too few, another line says",
        "";
    HANDLER_STARTED: "errd", Script, "Handler <file> of <name> begins", None,
        "The handler that is the `action` of a `<proc>` is run",
        "";
    HANDLER_DONE: "errd", Script, "Handler <file> of <name>[ > <userlog>] ended after <time> with exit code 0", None,
        "The handler has mended it: nothing else is done",
        "";
    HANDLER_FAILED: "errd", Event, "Handler <file> of <name>[ > <userlog>] ended after <time> <how>; action: stopstart", None,
        "The handler has not mended it: the module is stopped and started",
        "read its userlog";
    HANDLER_ENDED: "errd", Event, "Handler <file> of <name>[ > <userlog>] ended after <time> because it was told to: the process is no longer watched", None,
        "The module is being stopped, or the monitor was switched off: the handler was ended",
        "";
    HANDLER_NOT_STARTED: "errd", Event, "Handler <file> of <name> could not be started: <error>; action: stopstart", None,
        "The operating system does not run the file: the module is stopped and started",
        "check its execute bit and its first line";
    ERRD_CALLED: "errd", User, "Action errd <switch> called by <who>: <what follows>", None,
        "Somebody has switched the process monitor",
        "after `errd off`: do not forget `safekit errd on`, or nobody notices that a process ends";
    ERRD_AUTOMATIC: "errd", Event, "Action errd <switch> called automatically, a configuration was applied: <what follows>", None,
        "Applying a configuration switches the process monitor on again",
        "";
    MEMBER_LOST: "membership", Event, "Lost contact from <node>: <evidence>", Some("Lost contact from <node>"),
        "The node is dead, cut off, or stands still. With its own lateness near the silence, it is this node that was late",
        "where it was not meant: look at that node, then at the network between (UDP 4800)";
    MEMBER_JOINS: "membership", Info, "<node> is heard and joins: <evidence>", None,
        "An agent there has started",
        "";
    MEMBER_THERE: "membership", Event, "<node> is there: <evidence>", None,
        "The node takes part",
        "";
    MEMBER_LEFT: "membership", Event, "<node> has left: <evidence>", None,
        "Its agent has ended, and said so",
        "";
    JOINED: "membership", Event, "This node has joined: <why>", None,
        "Modules may become UP (Ready) here",
        "`nobody answered in one loss time` beside nodes that live: check the network and the firewalls (UDP 4800)";
    JOINS: "membership", Event, "This node has to join: <why>", None,
        "Until it has heard the others again no module is Ready here",
        "where it stood still: look for what stopped it (a snapshot of the machine, swapping, a suspended host)";
    VIEW_INSTALLED: "membership", Event, "farm membership: <nodes> (view <number>)", Some("farm membership: <nodes>"),
        "These nodes have agreed that they act together",
        "";
    VIEW_LEFT: "membership", Event, "farm membership: none, this node is in no view any more", None,
        "This node is leaving, or has to join again",
        "";
    KEY_UNKNOWN: "membership", Event, "Heartbeats from <sender> are refused: their key is not known here, or they are of another cluster[; on the node with the right configuration run 'safekit cluster export', on <node> or here 'safekit cluster config' with its zip]", None,
        "The nodes have different keys",
        "`safekit cluster export` on the node with the right ones, `safekit cluster config cluster.zip` on the other";
    TAG_BAD: "membership", Event, "Heartbeats from <sender> are refused: damaged, or sealed with another key[; on the node with the right configuration run 'safekit cluster export', on <node> or here 'safekit cluster config' with its zip]", None,
        "The key has the right name and does not fit, or somebody changes what is sent",
        "where it comes from a node of yours, give both the same keys: `safekit cluster export`, `safekit cluster config`; else find out who sends it";
    NAME_OTHER: "membership", Event, "Heartbeats from <sender> are refused: its cluster.xml does not give the name <node> to <id>", None,
        "Node numbers stand for other names there: the two cluster.xml differ",
        "the same cluster.xml on all nodes: `safekit cluster export`, `safekit cluster config`";
    LAN_OTHER: "membership", Event, "Heartbeats from <node> are refused: its cluster.xml has the lans in another order", None,
        "Lan numbers stand for other lans there: the two cluster.xml differ",
        "the same cluster.xml on all nodes: `safekit cluster export`, `safekit cluster config`";
    VERSION_OTHER: "membership", Event, "Heartbeats from <sender> are refused: version <version> of the format is not known here", None,
        "A newer agent runs there",
        "upgrade this node";
    NODE_TWICE: "membership", Event, "Two agents run as <node> with the same key: one of them stays out until the other one has ended", None,
        "A copy of this host runs (a clone, a restored snapshot)",
        "stop one of the two";
    CLUSTER_DIFFERS: "membership", Event, "The cluster configuration on <node> differs from the one here: on the node with the right one run 'safekit cluster export', on the others 'safekit cluster config' with its zip", None,
        "cluster.xml, or what its names meant when it was applied, is not the same",
        "`safekit cluster export` on the node with the right one, `safekit cluster config cluster.zip` on the others";
    MODULE_DIFFERS: "membership", Event, "The configuration of module <module> on <node> differs from the one here: install the same module on both and run 'safekit config -m <module>'", None,
        "The nodes run the module differently",
        "`safekit module package`, and `safekit module install -r` with it on the other node, then `safekit config`";
    NEVER_AGREES: "membership", Event, "<node> hears everybody and never agrees: it is treated as if it were not heard", None,
        "The others go on without it",
        "restart the agent there; where that does not help, compare versions";
    EXCLUDED: "membership", Event, "This node is heard and takes no load: <nodes> hear each other better", None,
        "Some nodes do not hear each other: those that all hear each other form the view",
        "mend the network between the nodes that do not hear each other: `safekit state` on each shows whom it hears";
    EDGE_FAILED: "agent", Event, "Cannot <what>: <error>", None,
        "Something on this host failed; the application goes on",
        "mend what the error names";
    EDGE_RECOVERED: "agent", Event, "Can <what> again", None,
        "The failure of an earlier line is over",
        "";
    INVARIANT_BROKEN: "agent", Critical, "A fault of this program: <what>", None,
        "The module that it is about goes to its safe state",
        "report it with the log";
}
