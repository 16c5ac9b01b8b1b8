//! The scripts of a module, as data.
//!
//! Example: [`ScriptRun`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::ModuleName;

/// A script by its file name.
///
/// ```
/// use safekit_core::module::script::Script;
///
/// let files: Vec<&str> = Script::ALL.into_iter().map(Script::as_str).collect();
/// assert_eq!(files, ["prestart", "start_both", "stop_both", "poststop", "transition"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Script {
    /// Before anything else of a start.
    Prestart,
    /// Starts the application.
    StartBoth,
    /// Stops the application: gracefully, then with `force` as first argument.
    StopBoth,
    /// After everything else of a stop.
    Poststop,
    /// On each major change of state.
    Transition,
    /// The handler of a `<proc>`, whatever its file is called ([`ScriptRun::file`]). Not part of any sequence.
    Handler,
}

impl Script {
    /// All that have a file name of their own: in the order of a start and the stop after it, then `transition`.
    pub const ALL: [Self; 5] =
        [Self::Prestart, Self::StartBoth, Self::StopBoth, Self::Poststop, Self::Transition];

    /// Returns its name, which is that of its file; a handler's file has a name of its own.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prestart => "prestart",
            Self::StartBoth => "start_both",
            Self::StopBoth => "stop_both",
            Self::Poststop => "poststop",
            Self::Transition => "transition",
            Self::Handler => "handler",
        }
    }
}

/// One run of a script.
///
/// ```
/// use std::time::Duration;
/// use safekit_core::config::model::Logging;
/// use safekit_core::ids::ModuleName;
/// use safekit_core::module::script::{LargeUserlogs, Script, ScriptEnd, ScriptRun};
///
/// /// Stands for whatever starts and stops an application without scripts.
/// fn run(run: &ScriptRun) -> ScriptEnd {
///     match run.script {
///         Script::StartBoth | Script::StopBoth => ScriptEnd::Exited { code: 0 },
///         _ => ScriptEnd::NotStarted { error: format!("no {}", run.script.as_str()) },
///     }
/// }
///
/// // What a node orders to stop the application.
/// let order = ScriptRun {
///     module: ModuleName::new("web")?,
///     script: Script::StopBoth,
///     file: None,
///     arguments: ["UP", "WAIT", "stop"].map(str::to_owned).into(),
///     vars: vec![("PORT".to_owned(), "8080".to_owned())],
///     logging: Logging::Userlog,
///     large_userlogs: LargeUserlogs::Keep,
///     time_limit: Some(Duration::from_secs(300)),
/// };
/// assert_eq!(run(&order), ScriptEnd::Exited { code: 0 });
/// # Ok::<(), safekit_core::ids::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptRun {
    /// The module.
    pub module: ModuleName,
    /// The script.
    pub script: Script,
    /// The file of a handler, absolute or below the module's bin; `None`: the script's own name.
    pub file: Option<String>,
    /// Its arguments: (`force`,) present state, next state, action; for a handler the name of its `<proc>`.
    pub arguments: Vec<String>,
    /// `<var>`s of the configuration, added to the environment that every script gets (SAFE, SAFEMODULE, ...).
    pub vars: Vec<(String, String)>,
    /// Whether its output is kept.
    pub logging: crate::config::model::Logging,
    /// What becomes of large userlogs before it runs.
    pub large_userlogs: LargeUserlogs,
    /// When this has passed, all its group is ended.
    pub time_limit: Option<Duration>,
}

/// What becomes of the userlogs of `userlogsize` and more.
///
/// Example: [`ScriptRun`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LargeUserlogs {
    /// They stay.
    Keep,
    /// They are emptied: it is the first script of a start of the module.
    Empty,
}

/// How a script ended. A script has ended when its process has, whoever keeps its output open.
///
/// Example: [`ScriptRun`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScriptEnd {
    /// It exited by itself.
    Exited {
        /// Its exit code.
        code: i32,
    },
    /// A signal ended it; not ours.
    Signalled {
        /// The signal's number.
        signal: i32,
    },
    /// Its time limit passed, and it was ended.
    TimedOut,
    /// It was ended by [`crate::node::Action::EndScript`].
    Ended,
    /// It could not be started.
    NotStarted {
        /// What the operating system says.
        error: String,
    },
}
