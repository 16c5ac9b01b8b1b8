//! cluster.xml and userconfig.xml: text -> diagnostics and model.
//!
//! ```text
//! bytes ─reader─► tree with places ─macros─► values ─check (by the table in schema)─► typed values
//!       ─cluster / module: what one value has to do with another─► model, or errors
//! ```
//!
//! Every fault of a file is told in one pass, each with file, line and column ([`Diagnostic`]). A model exists only when
//! there was no error, so an invalid value cannot exist in it ([`model`]). The model gives canonical text back
//! (`to_xml`) that reads as the same model; the signature is computed from that text.
//!
//! Bounded: size, number and depth of elements, length of expanded macros, number of diagnostics.
//! Not here: files, DNS and the environment; the caller hands in bytes and functions.
//!
//! # Example
//! ```
//! use safekit_core::config::{Code, cluster, module};
//! use safekit_core::ids::ModuleName;
//!
//! let text = br#"<cluster><lans><lan name="default">
//!   <node name="node1" addr="10.0.0.1"/><node name="node2" addr="10.0.0.2"/>
//! </lan></lans></cluster>"#;
//! let cluster = cluster::parse("cluster.xml", text).model.ok_or("a fault in cluster.xml")?;
//!
//! let text = br#"<safe><service mode="farm"><farm><lan name="defalt"/></farm></service></safe>"#;
//! let web = module::parse(&ModuleName::new("web")?, "userconfig.xml", text, &|_| None);
//! let faults = web.check_against(&cluster);
//! assert_eq!(faults[0].code, Code::UnknownLan);
//! assert_eq!(
//!     faults[0].to_string(),
//!     "userconfig.xml:1:45: error: lan 'defalt' is not in cluster.xml (did you mean 'default'?)"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod change;
mod check;
pub mod cluster;
mod cross;
mod diagnostic;
mod duration;
pub mod edit;
mod escape;
#[cfg(feature = "fuzz")]
pub(crate) mod fuzz;
mod macros;
pub mod model;
pub mod module;
mod reader;
pub mod reference;
mod rules;
mod scan;
pub mod schema;
pub mod spec;
mod text;
mod value;

pub use diagnostic::{Code, DIAGNOSTICS_MAX, Diagnostic, Parsed, Severity};
pub use model::{ClusterConfig, ModuleConfig};
pub use reader::{DEPTH_MAX, FILE_BYTES_MAX, PARTS_MAX};
pub(crate) use value::BETWEEN_SERVICES;
