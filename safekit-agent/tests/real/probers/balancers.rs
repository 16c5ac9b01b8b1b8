//! Balancers and monitors that are programs of their own, with the configurations of the pages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::peer::{self, Peer};
use super::{HEALTH_PORT, NET, PATH, Prober, block, node_address, reaches};

/// How a prober is asked for its own account.
enum Account {
    /// The state column of `HAProxy`'s statistics.
    HaProxy,
    /// The status in Apache's balancer-manager.
    Apache,
    /// Whether requests reach the node.
    Routes,
    /// The exporter's metrics.
    Metrics,
}

/// One that runs.
struct Running {
    row: &'static str,
    /// Its own address: the clients' port is 8000, the one for its account 8404.
    host: String,
    account: Account,
    _process: Peer,
}

/// What the rows of one program differ in: row, and what to put in the place of what in its configuration.
type Variants = &'static [(&'static str, &'static [(&'static str, &'static str)])];

const EXPECT: &str = "    http-check expect status 200\n";
const DISABLE: &str = "    http-check disable-on-404\n";
const HAPROXY: Variants = &[
    ("HAProxy, option httpchk GET", &[(EXPECT, ""), (DISABLE, "")]),
    ("HAProxy, with expect status 200", &[(DISABLE, "")]),
    ("HAProxy, with disable-on-404", &[]),
    (
        "HAProxy, option httpchk without a path",
        &[(EXPECT, ""), (DISABLE, ""), (" GET /var/modules/web/ready.txt", "")],
    ),
];
const APACHE: Variants = &[
    ("Apache, hcmethod=GET", &[]),
    ("Apache, hcmethod=HEAD", &[("hcmethod=GET", "hcmethod=HEAD")]),
    ("Apache, hcmethod=OPTIONS", &[("hcmethod=GET", "hcmethod=OPTIONS")]),
];

/// Starts all of them, each with an address and a folder of its own.
pub(super) fn start(dir: &Path) -> Vec<Box<dyn Prober>> {
    let mut places = (101..).map(|number| {
        let folder = dir.join(format!("peer{number}"));
        fs::create_dir_all(&folder).unwrap();
        (format!("{NET}.1.{number}"), folder)
    });
    let mut all: Vec<Box<dyn Prober>> = Vec::new();
    let text = block("docs/haproxy.md", "/etc/haproxy/haproxy.cfg");
    for (row, changes) in HAPROXY {
        let (host, folder) = places.next().unwrap();
        all.push(Box::new(haproxy(row, host, &folder, &changed(&text, changes))));
    }
    let text = block("docs/apache.md", "/etc/apache2/conf-available/farm.conf");
    for (row, changes) in APACHE {
        let (host, folder) = places.next().unwrap();
        all.push(Box::new(apache(row, host, &folder, &changed(&text, changes))));
    }
    let (host, folder) = places.next().unwrap();
    all.push(Box::new(caddy(host, &folder)));
    let (host, folder) = places.next().unwrap();
    all.push(Box::new(nginx(host, &folder)));
    let (host, folder) = places.next().unwrap();
    all.push(Box::new(blackbox(host, &folder)));
    all
}

/// Puts something in the place of what must be there once.
fn changed(text: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from:?} in\n{text}");
        text.replace(from, to)
    })
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

fn running(row: &'static str, host: String, account: Account, process: Peer) -> Running {
    let port = match account {
        Account::Routes => 8000,
        Account::HaProxy | Account::Apache | Account::Metrics => 8404,
    };
    peer::wait_open(&format!("{host}:{port}"));
    Running { row, host, account, _process: process }
}

fn haproxy(row: &'static str, host: String, folder: &Path, text: &str) -> Running {
    let ports =
        [("bind :80\n", format!("bind {host}:8000\n")), ("127.0.0.1:8404", format!("{host}:8404"))];
    let text = changed(text, &ports.each_ref().map(|(from, to)| (*from, to.as_str())));
    let config = write(folder, "haproxy.cfg", &text);
    let mut command = Command::new("haproxy");
    let process = Peer::start(command.arg("-db").arg("-f").arg(config), &folder.join("log"));
    running(row, host, Account::HaProxy, process)
}

/// What Debian's own files around the one of the page say.
const APACHE_AROUND: &str = "ServerName localhost\nServerRoot @FOLDER@\nDefaultRuntimeDir @FOLDER@\nPidFile @FOLDER@/pid\n\
    ErrorLog @FOLDER@/error.log\nListen @HOST@:8000\n";
const APACHE_MODULES: [&str; 9] = [
    "mpm_event",
    "authz_core",
    "authz_host",
    "slotmem_shm",
    "proxy",
    "proxy_http",
    "proxy_balancer",
    "proxy_hcheck",
    "lbmethod_byrequests",
];

fn apache(row: &'static str, host: String, folder: &Path, text: &str) -> Running {
    let around =
        APACHE_AROUND.replace("@FOLDER@", folder.to_str().unwrap()).replace("@HOST@", &host);
    let modules = APACHE_MODULES
        .into_iter()
        .chain(["macro"])
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"));
    let user =
        if rustix::process::getuid().is_root() { "User www-data\nGroup www-data\n" } else { "" };
    let text = text.replace("127.0.0.1", &host).replace("*:80>", &format!("{host}:8000>"));
    let text = format!("{}{around}{user}{text}", modules.collect::<String>());
    let config = write(folder, "apache2.conf", &text);
    let mut command = Command::new("apache2");
    let process =
        Peer::start(command.arg("-DFOREGROUND").arg("-f").arg(config), &folder.join("log"));
    running(row, host, Account::Apache, process)
}

fn caddy(host: String, folder: &Path) -> Running {
    let text = block("docs/caddy.md", "/etc/caddy/Caddyfile");
    let text = changed(&text, &[(":80 {", &format!("http://:8000 {{\n\tbind {host}"))]);
    let config =
        write(folder, "Caddyfile", &format!("{{\n\tadmin off\n\tauto_https off\n}}\n{text}"));
    let mut command = Command::new("caddy");
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(config);
    command.env("HOME", folder).env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder);
    let process = Peer::start(&mut command, &folder.join("log"));
    running("Caddy", host, Account::Routes, process)
}

/// What Debian's own files around the one of the page say.
const NGINX_AROUND: &str = "daemon off;\nmaster_process off;\npid @FOLDER@/pid;\nevents {}\nhttp {\naccess_log off;\n\
    client_body_temp_path @FOLDER@/a;\nproxy_temp_path @FOLDER@/b;\nfastcgi_temp_path @FOLDER@/c;\nuwsgi_temp_path @FOLDER@/d;\n\
    scgi_temp_path @FOLDER@/e;\n";

fn nginx(host: String, folder: &Path) -> Running {
    let text = block("docs/nginx.md", "/etc/nginx/conf.d/farm.conf");
    let text = changed(&text, &[("listen 80;", &format!("listen {host}:8000;"))]);
    let around = NGINX_AROUND.replace("@FOLDER@", folder.to_str().unwrap());
    let config = write(folder, "nginx.conf", &format!("{around}{text}}}\n"));
    let mut command = Command::new("nginx");
    command.args(["-e", "stderr", "-p"]).arg(folder).arg("-c").arg(config);
    let process = Peer::start(&mut command, &folder.join("log"));
    running("nginx, which asks no agent", host, Account::Routes, process)
}

fn blackbox(host: String, folder: &Path) -> Running {
    let text = block("docs/blackbox.md", "/etc/prometheus/blackbox.yml");
    let config = write(folder, "blackbox.yml", &text);
    let mut command = Command::new("prometheus-blackbox-exporter");
    command.arg(format!("--config.file={}", config.display()));
    command.arg(format!("--web.listen-address={host}:8404"));
    let process = Peer::start(&mut command, &folder.join("log"));
    running("blackbox exporter", host, Account::Metrics, process)
}

impl Prober for Running {
    fn row(&self) -> &'static str {
        self.row
    }

    fn sees(&self) -> String {
        let front = format!("{}:8000", self.host);
        let account = format!("{}:8404", self.host);
        let seen = match self.account {
            Account::HaProxy => peer::ask(&account, "/;csv").and_then(|text| haproxy_state(&text)),
            Account::Apache => peer::ask(&account, "/").and_then(|text| apache_state(&text)),
            Account::Routes => Some(if reaches(&front) { "in" } else { "out" }.to_owned()),
            Account::Metrics => {
                let target = format!("http://{}:{HEALTH_PORT}{PATH}", node_address(1));
                let path = format!("/probe?module=safekit_ready&target={target}");
                peer::ask(&account, &path).and_then(|text| metrics(&text))
            }
        };
        seen.unwrap_or_else(|| "does not answer".to_owned())
    }

    fn front(&self) -> Option<String> {
        match self.account {
            Account::HaProxy | Account::Apache => Some(format!("{}:8000", self.host)),
            // It is its account already, or there is none.
            Account::Routes | Account::Metrics => None,
        }
    }
}

fn haproxy_state(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with("nodes,node1,"))?;
    line.split(',').nth(17).map(str::to_owned)
}

/// Takes what stands after `Init` in the row of the door of node1.
fn apache_state(text: &str) -> Option<String> {
    let (_, row) = text.split_once(":9101</a>")?;
    let (_, state) = row.split_once(">Init ")?;
    let (state, _) = state.split_once('<')?;
    Some(state.trim().to_owned())
}

fn metrics(text: &str) -> Option<String> {
    let value = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
    };
    Some(format!("{} {}", value("probe_success ")?, value("probe_http_status_code ")?))
}
