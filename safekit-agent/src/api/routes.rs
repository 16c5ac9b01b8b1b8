//! Which path and method mean what.
//!
//! Always: a path is taken as it was sent, nothing is decoded: the names in it never need it.

use safekit_core::control::Command;
use safekit_core::ids::ModuleName;
use safekit_core::runtime::front::Method;

/// Where the control API is.
const API: &str = "/api/v1/";

/// Part of the paths that a permission is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Area {
    /// The status page and what is not there at all.
    Public,
    /// Everything under `/api`.
    Control,
}

/// What a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `GET /`
    Page,
    /// `GET /status.json`
    Status,
    /// `GET state`
    State,
    /// `GET modules`
    Modules,
    /// `GET log?module=&lines=&all=`, or a piece of it with `from=`
    Log,
    /// `GET level?module=`
    Level,
    /// `POST shutdown`
    Shutdown,
    /// `GET cluster/state`
    ClusterState,
    /// `GET cluster/confinfo`
    ClusterConfinfo,
    /// `GET cluster/export`
    ClusterExport,
    /// `POST cluster/config`
    ClusterConfig,
    /// `POST cluster/confcheck`
    ClusterConfcheck,
    /// `POST cluster/deconfig`
    ClusterDeconfig,
    /// `POST cluster/genkey`
    ClusterGenkey,
    /// `POST cluster/delkey`
    ClusterDelkey,
    /// `GET ports?module=&id=`
    Ports,
    /// `GET boot?module=`
    BootStatus,
    /// `GET cmdlog?lines=`
    CommandLog,
    /// `module/AM/...`
    Module(ModuleName, ModuleRoute),
}

/// What a request about a module is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ModuleRoute {
    /// `GET state?script=`
    State,
    /// `GET confcheck`
    Confcheck,
    /// `GET confinfo`
    Confinfo,
    /// `POST start`, ...
    Command(Command),
    /// `POST errd`
    Errd,
    /// `POST install`
    Install,
    /// `POST uninstall`, or `DELETE` of the module itself.
    Uninstall,
    /// `POST config`
    Config,
    /// `POST print`
    Print,
    /// `POST deconfig`
    Deconfig,
    /// `POST update`
    Update,
    /// `GET package`
    Package,
    /// `POST boot`
    Boot,
    /// `POST incloop`
    Incloop,
    /// `POST resetloop`
    Resetloop,
    /// `GET checkloop`
    Checkloop,
}

impl Route {
    /// Tells whether it is the status page, or its data.
    pub(super) fn is_status(&self) -> bool {
        matches!(self, Self::Page | Self::Status)
    }
}

/// Why there is no route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Nothing is there.
    Path,
    /// The text in place of a module's name is none.
    Module(String),
    /// Something is there, with that method.
    Method(&'static str),
}

/// Tells which permission a path needs.
pub(super) fn area(path: &str) -> Area {
    if path == "/api" || path.starts_with("/api/") { Area::Control } else { Area::Public }
}

/// Finds the route of a request.
///
/// # Errors
/// See [`Missing`].
pub(super) fn find(method: Method, path: &str) -> Result<Route, Missing> {
    // The front leaves the body of an answer to HEAD out.
    let method = if method == Method::Head { Method::Get } else { method };
    if let Some(route) = route(method, path)? {
        return Ok(route);
    }
    for (other, word) in
        [(Method::Get, "GET, HEAD"), (Method::Post, "POST"), (Method::Delete, "DELETE")]
    {
        if route(other, path)?.is_some() {
            return Err(Missing::Method(word));
        }
    }
    Err(Missing::Path)
}

fn route(method: Method, path: &str) -> Result<Option<Route>, Missing> {
    let Some(rest) = path.strip_prefix(API) else {
        return Ok(match (method, path) {
            (Method::Get, "/") => Some(Route::Page),
            (Method::Get, "/status.json") => Some(Route::Status),
            _ => None,
        });
    };
    let words: Vec<&str> = rest.split('/').collect();
    Ok(match (method, words.as_slice()) {
        (Method::Get, ["state"]) => Some(Route::State),
        (Method::Get, ["modules"]) => Some(Route::Modules),
        (Method::Get, ["log"]) => Some(Route::Log),
        (Method::Get, ["level"]) => Some(Route::Level),
        (Method::Post, ["shutdown"]) => Some(Route::Shutdown),
        (Method::Get, ["cluster", "state"]) => Some(Route::ClusterState),
        (Method::Get, ["cluster", "confinfo"]) => Some(Route::ClusterConfinfo),
        (Method::Get, ["cluster", "export"]) => Some(Route::ClusterExport),
        (Method::Post, ["cluster", "config"]) => Some(Route::ClusterConfig),
        (Method::Post, ["cluster", "confcheck"]) => Some(Route::ClusterConfcheck),
        (Method::Post, ["cluster", "deconfig"]) => Some(Route::ClusterDeconfig),
        (Method::Post, ["cluster", "genkey"]) => Some(Route::ClusterGenkey),
        (Method::Post, ["cluster", "delkey"]) => Some(Route::ClusterDelkey),
        (Method::Get, ["ports"]) => Some(Route::Ports),
        (Method::Get, ["boot"]) => Some(Route::BootStatus),
        (Method::Get, ["cmdlog"]) => Some(Route::CommandLog),
        (_, ["module", name, rest @ ..]) => match module_route(method, rest) {
            Some(route) => Some(Route::Module(module(name)?, route)),
            None => None,
        },
        _ => None,
    })
}

fn module_route(method: Method, words: &[&str]) -> Option<ModuleRoute> {
    match (method, words) {
        (Method::Get, ["state"]) => Some(ModuleRoute::State),
        (Method::Get, ["confcheck"]) => Some(ModuleRoute::Confcheck),
        (Method::Get, ["confinfo"]) => Some(ModuleRoute::Confinfo),
        (Method::Post, ["start"]) => Some(ModuleRoute::Command(Command::Start)),
        (Method::Post, ["stop"]) => Some(ModuleRoute::Command(Command::Stop)),
        (Method::Post, ["restart"]) => Some(ModuleRoute::Command(Command::Restart)),
        (Method::Post, ["stopstart"]) => Some(ModuleRoute::Command(Command::Stopstart)),
        (Method::Post, ["forcestop"]) => Some(ModuleRoute::Command(Command::Forcestop)),
        (Method::Post, ["errd"]) => Some(ModuleRoute::Errd),
        (Method::Post, ["install"]) => Some(ModuleRoute::Install),
        (Method::Post, ["uninstall"]) | (Method::Delete, []) => Some(ModuleRoute::Uninstall),
        (Method::Post, ["config"]) => Some(ModuleRoute::Config),
        (Method::Post, ["print"]) => Some(ModuleRoute::Print),
        (Method::Post, ["deconfig"]) => Some(ModuleRoute::Deconfig),
        (Method::Post, ["update"]) => Some(ModuleRoute::Update),
        (Method::Get, ["package"]) => Some(ModuleRoute::Package),
        (Method::Post, ["boot"]) => Some(ModuleRoute::Boot),
        (Method::Post, ["incloop"]) => Some(ModuleRoute::Incloop),
        (Method::Post, ["resetloop"]) => Some(ModuleRoute::Resetloop),
        (Method::Get, ["checkloop"]) => Some(ModuleRoute::Checkloop),
        _ => None,
    }
}

fn module(name: &str) -> Result<ModuleName, Missing> {
    ModuleName::new(name).map_err(|error| Missing::Module(error.to_string()))
}
