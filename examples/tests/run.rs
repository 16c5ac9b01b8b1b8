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

    /// Runs an example; all of these texts have to come, in this order.
    fn says(example: &str, texts: &[&str]) {
        let run = Command::new(built(example)).output().unwrap();
        let said = String::from_utf8_lossy(&run.stdout);
        let errors = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{example}: {}\n{said}{errors}", run.status);
        let mut rest = said.as_ref();
        for text in texts {
            let found = rest.find(text);
            let at = found.unwrap_or_else(|| panic!("{example} does not say {text:?}:\n{said}"));
            rest = &rest[at + text.len()..];
        }
    }

    #[test]
    fn lose_a_node() {
        says("lose_a_node", &["agent is killed", "128 of 256", "power is cut", "128 of 256"]);
    }

    #[test]
    fn farm_in_my_program() {
        says(
            "farm_in_my_program",
            &[
                "hears: HTTP/1.1 200 OK",
                "hears: HTTP/1.1 200 OK",
                "UP (Ready) and takes 256 buckets",
            ],
        );
    }

    #[test]
    fn own_event_loop() {
        says(
            "own_event_loop",
            &["does start_both with a function", "web is UP (Ready)", "takes 128", "takes 128"],
        );
    }

    #[test]
    fn custom_watcher() {
        let restart = "Action restart called by queue watcher";
        says("custom_watcher", &["400 orders", restart, "700 orders", restart, "900 orders"]);
        says("custom_watcher", &["More than 2 automatic actions", "web: Local state STOP"]);
    }

    #[test]
    fn test_my_policy() {
        says(
            "test_my_policy",
            &["maxloop=\"5\": held in 20 of 20", "maxloop=\"4\": held in 0 of 20"],
        );
        says("test_my_policy", &["clients find no server that is ready"]);
    }

    #[test]
    fn replay_incident() {
        let wanted = ["complete: true", "Lost contact", "UP Transient", "replay is the same: true"];
        says("replay_incident", &wanted);
    }
}
