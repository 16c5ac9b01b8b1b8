//! What no tool checks, by reading the source: the rooms of the house, foreign types in what is public, examples,
//! dependencies.
#![cfg(test)]

#[path = "tidy/dependencies.rs"]
mod dependencies;
#[path = "tidy/examples.rs"]
mod examples;
#[path = "tidy/foreign.rs"]
mod foreign;
#[path = "tidy/sources.rs"]
mod sources;

mod tidy {
    use super::sources::sources;

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

    /// Lines of the source below `src` that hold one of these texts, in files of which `looked_at` is true.
    fn lines_with(texts: &[&str], looked_at: impl Fn(&str) -> bool) -> Vec<String> {
        let mut lines = Vec::new();
        for source in sources("safekit-core").into_iter().filter(|it| looked_at(&it.path)) {
            let bad = source
                .text
                .lines()
                .enumerate()
                .filter(|(_, line)| texts.iter().any(|it| line.contains(it)));
            lines.extend(
                bad.map(|(number, line)| {
                    format!("{}:{}: {}", source.path, number + 1, line.trim())
                }),
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
