//! cluster.xml, userconfig.xml, and changes of one attribute in either.

use safekit_core::config::edit::EditError;
use safekit_core::config::model::Host;
use safekit_core::config::{
    DIAGNOSTICS_MAX, Diagnostic, Severity, cluster as xml_cluster, edit as xml_edit,
    module as xml_module,
};
use safekit_core::ids::ModuleName;

/// Reads cluster.xml. There is a model exactly where there is no error, and its canonical text reads as the same.
pub fn cluster(bytes: &[u8]) {
    let parsed = xml_cluster::parse("cluster.xml", bytes);
    check(&parsed.diagnostics, parsed.model.is_none());
    let Some(config) = parsed.model else { return };
    let written = config.to_xml();
    let again = xml_cluster::parse("cluster.xml", written.as_bytes());
    assert_eq!(again.model.as_ref(), Some(&config), "{written}\n{:?}", again.diagnostics);
    for address in config.lans.iter().flat_map(|lan| lan.nodes.values()) {
        if let Host::Ip(ip) = address.addr {
            assert!(!ip.is_unspecified() && !ip.is_multicast());
        }
    }
}

/// Reads userconfig.xml; the same must hold.
pub fn module(bytes: &[u8]) {
    let Ok(name) = ModuleName::new("farm") else { return };
    let read = |bytes| xml_module::parse(&name, "userconfig.xml", bytes, &|_| None);
    let parsed = read(bytes);
    check(&parsed.diagnostics, parsed.model.is_none());
    let Some(config) = parsed.model else { return };
    let written = config.to_xml();
    let again = read(written.as_bytes());
    assert_eq!(again.model.as_ref(), Some(&config), "{written}\n{:?}", again.diagnostics);
    assert_eq!(again.model.map(|config| config.to_xml()), Some(written));
}

/// Changes one attribute of a file: lines with place, name and value, then the file. What was set must be there, be set
/// again without a change, and be gone once it is removed.
pub fn edit(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut parts = text.splitn(4, '\n');
    let (Some(path), Some(name), Some(value), Some(text)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return;
    };
    let set = match xml_edit::set(text, path, name, value) {
        Ok(set) => set,
        Err(EditError::Malformed { first }) => {
            assert_eq!(first.severity, Severity::Error);
            return;
        }
        Err(_) => return,
    };
    assert_eq!(xml_edit::set(&set, path, name, value).as_ref(), Ok(&set), "set twice");
    let removed = xml_edit::remove(&set, path, name).expect("what was set can be removed");
    assert!(removed.len() < set.len());
    assert_eq!(xml_edit::remove(&removed, path, name).as_ref(), Ok(&removed), "removed twice");
    let again = xml_edit::set(&removed, path, name, value).expect("what was removed can be set");
    let twice = xml_edit::remove(&again, path, name);
    assert_eq!(twice.as_ref(), Ok(&removed), "set and removed");
}

fn check(diagnostics: &[Diagnostic], refused: bool) {
    let errors = diagnostics.iter().any(|it| it.severity == Severity::Error);
    assert_eq!(refused, errors, "{diagnostics:?}");
    assert!(diagnostics.len() <= DIAGNOSTICS_MAX + 1, "{} diagnostics", diagnostics.len());
    for diagnostic in diagnostics {
        assert!(diagnostic.message.len() < 4_000, "{diagnostic}");
    }
}
