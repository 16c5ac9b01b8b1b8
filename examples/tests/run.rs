//! Each example runs to its end and says what it is there to say.

#[cfg(test)]
mod run {
    use std::path::PathBuf;
    use std::process::Command;

    /// Where cargo has put the examples: beside the folder of this test.
    fn built(example: &str) -> PathBuf {
        let test = std::env::current_exe().unwrap();
        let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
        let path = profile.join("examples").join(example);
        let how = "`cargo test -p safekit-examples` without `--test` builds the examples too";
        assert!(path.exists(), "{} is not there: {how}", path.display());
        path
    }

    /// Runs an example. The texts of each list have to come in its order; lists are of different threads.
    fn says(example: &str, lists: &[&[&str]]) {
        let run = Command::new(built(example)).output().unwrap();
        let said = String::from_utf8_lossy(&run.stdout);
        let errors = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{example}: {}\n{said}{errors}", run.status);
        for texts in lists {
            let mut rest = said.as_ref();
            for text in *texts {
                let found = rest.find(text);
                let at = found.unwrap_or_else(|| panic!("{example}: no {text:?} in:\n{said}"));
                rest = &rest[at + text.len()..];
            }
        }
    }

    #[test]
    fn lose_a_node() {
        says("lose_a_node", &[&["agent is killed", "128 of 256", "power is cut", "128 of 256"]]);
    }

    #[test]
    fn farm_in_my_program() {
        let hears = "hears: HTTP/1.1 200 OK";
        says("farm_in_my_program", &[&[hears, hears, "UP (Ready) and takes 256 buckets"]]);
    }

    #[test]
    fn own_event_loop() {
        let of = |node: u8, what: &str| format!("node id {node}{what}");
        let texts = |node| {
            let whats =
                [" does start_both with a function", ": web is UP (Ready)", " takes 128 of 256"];
            whats.map(|what| of(node, what))
        };
        let (one, two) = (texts(1), texts(2));
        let [one, two] = [&one, &two].map(|texts| texts.each_ref().map(String::as_str));
        says("own_event_loop", &[&one, &two]);
    }

    #[test]
    fn custom_watcher() {
        let restart = "Action restart called by queue watcher";
        let news = [restart, restart, restart, "More than 2 automatic", "web: Local state STOP"];
        says("custom_watcher", &[&["400 orders", "700 orders", "900 orders"], &news]);
    }

    #[test]
    fn my_application() {
        let answers = ["client: process", "client: process"];
        let news =
            ["Script start_both", "Action restart called by errd", "Script stop_both", "STOP"];
        says("my_application", &[&answers, &news]);
    }

    #[test]
    fn test_my_policy() {
        let texts = ["maxloop=\"5\": held in 20 of 20", "maxloop=\"4\": held in 0 of 20"];
        says("test_my_policy", &[&texts, &["clients find no server that is ready"]]);
    }

    #[test]
    fn replay_incident() {
        let wanted = [
            "complete: true",
            "Lost contact",
            "UP Transient",
            "outputs then and now, the same: true",
        ];
        says("replay_incident", &[&wanted]);
    }
}
