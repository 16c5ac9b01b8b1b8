//! The reader of `.safe` files. It belongs to the agent, which is no library: its files are built in here.

#[allow(dead_code, missing_docs, reason = "the agent uses the rest")]
#[path = "../../safekit-agent/src/store/error.rs"]
mod error;
#[allow(dead_code, reason = "the agent uses the rest")]
#[path = "../../safekit-agent/src/store/files.rs"]
mod files;
#[allow(dead_code, reason = "the agent uses the rest")]
#[path = "../../safekit-agent/src/store/package.rs"]
mod package;

use package::Package;

/// The most bytes that a package of the fuzzer may unpack to: enough to show that the bound holds.
const BYTES_MAX: u64 = 1 << 20;

/// Reads a `.safe` file. Names must be harmless and all of it within its bounds, and what is written again must read
/// as the same.
pub fn package(bytes: &[u8]) {
    let Ok(package) = Package::read_within("package.safe", bytes, BYTES_MAX) else { return };
    let mut total = 0;
    for (name, entry) in package.files() {
        total += entry.bytes.len() as u64;
        assert!(!name.starts_with('/') && !name.contains('\\') && !name.contains('\0'), "{name:?}");
        assert!(name.split('/').all(|part| !part.is_empty() && part != "." && part != ".."));
    }
    assert!(total <= BYTES_MAX, "{total} bytes");
    assert!(package.files().count() <= package::ENTRIES_MAX);
    let written = package.to_bytes().expect("what was read can be written");
    let again = Package::read_within("again.safe", &written, BYTES_MAX).expect("and read again");
    let same = again.files().map(|(name, entry)| (name, &entry.bytes));
    assert!(same.eq(package.files().map(|(name, entry)| (name, &entry.bytes))));
}
