//! Packages that are wrong in each way that one can be.

use std::fs;
use std::io::{Cursor, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::TestRoot;
use crate::store::package::{Access, ENTRIES_MAX, Package};

fn zip_of(build: impl FnOnce(&mut ZipWriter<Cursor<Vec<u8>>>)) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    build(&mut zip);
    zip.finish().unwrap().into_inner()
}

fn options() -> SimpleFileOptions {
    SimpleFileOptions::default()
}

fn one(name: &str) -> Vec<u8> {
    zip_of(|zip| {
        zip.start_file(name, options()).unwrap();
        zip.write_all(b"content").unwrap();
    })
}

fn refusal(bytes: &[u8]) -> String {
    Package::read_bytes("x.safe", bytes).unwrap_err().to_string()
}

#[test]
fn a_package_survives_writing_and_reading() {
    let mut package = Package::default();
    package.insert("conf/userconfig.xml", b"<safe/>".to_vec());
    package.insert("bin/start_both", b"#!/bin/sh\n".to_vec());
    package.insert("bin/deep/er/data", vec![7; 100_000]);
    let bytes = package.to_bytes().unwrap();
    assert_eq!(bytes, package.to_bytes().unwrap());
    let read = Package::read_bytes("x.safe", &bytes).unwrap();
    assert_eq!(read.files().collect::<Vec<_>>(), package.files().collect::<Vec<_>>());
    assert!(read.file("bin/start_both").unwrap().executable);
    assert!(!read.file("conf/userconfig.xml").unwrap().executable);
    let root = TestRoot::new();
    let folder = root.path().join("folder");
    read.write_folder(&folder, Access::ReadOnly).unwrap();
    let mode = |name| fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("bin/start_both"), mode("conf/userconfig.xml")), (0o550, 0o440));
    let again = Package::read_folder(&folder).unwrap();
    assert_eq!(again.files().collect::<Vec<_>>(), package.files().collect::<Vec<_>>());
}

#[test]
fn zips_of_other_programs_are_read() {
    let root = TestRoot::new();
    fs::create_dir_all(root.path().join("m/bin")).unwrap();
    fs::write(root.path().join("m/bin/prestart"), "#!/bin/sh\n").unwrap();
    let made = Command::new("python3")
        .args(["-c", "import zipfile; z = zipfile.ZipFile('m.safe', 'w', zipfile.ZIP_DEFLATED); z.write('m/bin', 'bin'); z.write('m/bin/prestart', 'bin/prestart'); z.close()"])
        .current_dir(root.path())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        // No python here: the other tests read zips of our own.
        return;
    }
    let package = Package::read_file(&root.path().join("m.safe")).unwrap();
    assert_eq!(package.file("bin/prestart").unwrap().bytes, b"#!/bin/sh\n");
}

#[test]
fn names_that_lead_elsewhere_are_refused_by_name() {
    for name in [
        "../evil",
        "bin/../../evil",
        "/etc/evil",
        "bin/..",
        "a\\..\\evil",
        "C:\\evil",
        "bin//x",
        "./x",
        "a\nb",
    ] {
        let why = refusal(&one(name));
        assert!(why.starts_with("x.safe: entry "), "{name:?}: {why}");
    }
    let deep = "d/".repeat(20) + "file";
    assert!(refusal(&one(&deep)).contains("no plain path"));
    assert!(refusal(&one(&"n".repeat(600))).contains("longer than"));
}

#[test]
fn links_and_other_rights_are_refused() {
    let link = zip_of(|zip| zip.add_symlink("bin/start_both", "/bin/sh", options()).unwrap());
    assert!(refusal(&link).contains("is a link"), "{}", refusal(&link));
    // The library takes only permission bits: the mode is written over in the directory.
    let mut zip = zip_of(|zip| zip.start_file("bin/x", options().unix_permissions(0o755)).unwrap());
    let at = zip.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    for (mode, why) in [
        (0o104_755_u32, "setuid"),
        (0o102_755, "setuid"),
        (0o010_644, "neither"),
        (0o020_644, "neither"),
        (0o120_777, "link"),
    ] {
        zip[at + 38..at + 42].copy_from_slice(&(mode << 16).to_le_bytes());
        assert!(refusal(&zip).contains(why), "{mode:o}: {}", refusal(&zip));
    }
}

#[test]
fn bombs_are_stopped_as_they_unfold() {
    let bomb = zip_of(|zip| {
        zip.start_file("bin/bomb", options().compression_level(Some(9))).unwrap();
        let block = vec![0; 1 << 20];
        for _ in 0..3 {
            zip.write_all(&block).unwrap();
        }
    });
    assert!(bomb.len() < 100_000);
    let why = Package::read_within("x.safe", &bomb, 2 << 20).unwrap_err().to_string();
    assert!(why.contains("bigger than 2097152 bytes"), "{why}");
    Package::read_within("x.safe", &bomb, 3 << 20).unwrap();
    // A header that lies about the size does not help.
    let mut lies = bomb;
    for begin in [&b"PK\x01\x02"[..], b"PK\x03\x04"] {
        let at = lies.windows(4).rposition(|w| w == begin).unwrap();
        let size = if begin[2] == 1 { at + 24 } else { at + 22 };
        lies[size..size + 4].copy_from_slice(&10_u32.to_le_bytes());
    }
    Package::read_bytes("x.safe", &lies).unwrap_err();
}

#[test]
fn too_many_entries_are_refused_before_they_are_read() {
    let many = zip_of(|zip| {
        for index in 0..=ENTRIES_MAX {
            zip.start_file(format!("bin/{index}"), options()).unwrap();
        }
    });
    assert!(refusal(&many).contains("more than 2000 entries"));
}

#[test]
fn an_entry_that_is_there_twice_is_refused() {
    let mut zip = zip_of(|zip| {
        for name in ["bin/a", "bin/b"] {
            zip.start_file(name, options()).unwrap();
            zip.write_all(name.as_bytes()).unwrap();
        }
    });
    while let Some(at) = zip.windows(5).position(|w| w == b"bin/b") {
        zip[at + 4] = b'a';
    }
    assert!(refusal(&zip).contains("twice"), "{}", refusal(&zip));
    let both = zip_of(|zip| {
        zip.start_file("bin", options()).unwrap();
        zip.start_file("bin/a", options()).unwrap();
    });
    assert!(refusal(&both).contains("is a file and a folder"));
}

#[test]
fn what_is_no_zip_or_a_broken_one_is_refused() {
    assert!(refusal(b"").contains("is no package"));
    assert!(refusal(b"\x7fELF").contains("is no package"));
    let whole = one("bin/x");
    for cut in 2..whole.len() {
        Package::read_bytes("x.safe", &whole[..cut]).unwrap_err();
    }
    // No damage of one byte makes it panic, or lets anything but plain names through.
    for index in 0..whole.len() {
        for bit in 0..8 {
            let mut damaged = whole.clone();
            damaged[index] ^= 1 << bit;
            if let Ok(package) = Package::read_bytes("x.safe", &damaged) {
                assert!(
                    package.files().all(|(name, _)| !name.starts_with('/') && !name.contains(".."))
                );
            }
        }
    }
}

#[test]
fn folders_with_links_or_devices_are_refused() {
    let root = TestRoot::new();
    fs::write(root.path().join("file"), "x").unwrap();
    Package::read_folder(root.path()).unwrap();
    let link = root.path().join("link");
    std::os::unix::fs::symlink("/etc/shadow", &link).unwrap();
    assert!(Package::read_folder(root.path()).unwrap_err().to_string().contains("is a link"));
    fs::remove_file(&link).unwrap();
    let pipe = root.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
    assert!(Package::read_folder(root.path()).unwrap_err().to_string().contains("neither"));
}
