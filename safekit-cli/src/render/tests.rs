use super::*;
use crate::exit::Exit;

#[test]
fn nothing_steers_a_terminal() {
    assert_eq!(plain("a\x1b[31mb\r\nc\u{9b}d"), "a?[31mb??c?d");
    let failed = Failure::usage("bad \x1b name").detail("line\x07");
    assert_eq!(failure(&failed), "error: bad ? name\nline?\n");
    assert_eq!(failed.exit, Exit::Usage);
}

#[test]
fn durations_are_short() {
    let told: Vec<String> =
        [0, 999, 1_000, 1_250, 119_999, 120_000, 7_199_999, 7_200_000].map(duration).to_vec();
    assert_eq!(told, ["0 ms", "999 ms", "1.0 s", "1.2 s", "119.9 s", "2 min", "119 min", "2 h"]);
}
