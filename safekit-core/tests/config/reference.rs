//! The reference on disk is what the table says.

use std::fs;
use std::path::Path;

use safekit_core::config::reference;

#[test]
fn the_reference_is_that_of_the_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference");
    for (name, text) in
        [("cluster.md", reference::cluster()), ("userconfig.md", reference::userconfig())]
    {
        let path = folder.join(name);
        if super::writes_anew() {
            fs::write(&path, text).unwrap();
            continue;
        }
        let on_disk = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            on_disk == text,
            "docs/reference/{name} is not what the table says: SAFEKIT_WRITE=1 cargo test -p safekit-core --test config writes it anew"
        );
    }
}
