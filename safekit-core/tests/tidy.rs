//! What no tool checks: the rooms of the house, by reading the source.
#![cfg(feature = "runtime")]

#[cfg(test)]
mod tidy {
    use std::fs;
    use std::path::{Path, PathBuf};

    /// Folders and files that decide, and so never name what does.
    const PURE: [&str; 11] = [
        "config",
        "wire",
        "membership",
        "module",
        "node",
        "record",
        "explain",
        "control",
        "ids.rs",
        "timer.rs",
        "event.rs",
    ];

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|it| it == "rs") {
                found.push(path);
            }
        }
    }

    /// Lines of the source below `src` that hold one of these texts, in files of which `looked_at` is true.
    fn lines_with(texts: &[&str], looked_at: impl Fn(&str) -> bool) -> Vec<String> {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = Vec::new();
        sources(&src, &mut files);
        assert!(files.len() > 50, "the source is not where it was");
        let mut lines = Vec::new();
        for file in files {
            let name = file.strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
            if !looked_at(&name) {
                continue;
            }
            let text = fs::read_to_string(&file).unwrap();
            let bad = text
                .lines()
                .enumerate()
                .filter(|(_, line)| texts.iter().any(|it| line.contains(it)));
            lines.extend(
                bad.map(|(number, line)| format!("{name}:{}: {}", number + 1, line.trim())),
            );
        }
        lines
    }

    #[test]
    fn platforms_differ_under_sys_only() {
        let elsewhere = |name: &str| !name.starts_with("runtime/sys/");
        assert_eq!(lines_with(&["target_os"], elsewhere), Vec::<String>::new());
    }

    #[test]
    fn what_decides_does_not_name_what_does() {
        let pure =
            |name: &str| PURE.iter().any(|it| name == *it || name.starts_with(&format!("{it}/")));
        let worldly = [
            "crate::runtime",
            "std::fs",
            "std::thread",
            "std::process",
            "std::env",
            "UdpSocket",
            "TcpStream",
        ];
        let tests = |name: &str| name.contains("tests");
        assert_eq!(lines_with(&worldly, |name| pure(name) && !tests(name)), Vec::<String>::new());
    }

    #[test]
    fn nothing_is_left_to_do_later() {
        let marks = ["TODO", "FIXME", "XXX", "unimplemented!", "todo!"];
        assert_eq!(lines_with(&marks, |_| true), Vec::<String>::new());
    }
}
