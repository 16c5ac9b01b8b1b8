//! How long the reader of configurations takes: for a usual file, and for hostile ones as long as a file may be.

use std::time::Duration;

use safekit_benches::Try;
use safekit_benches::record::micros;
use safekit_benches::samples::Samples;
use safekit_core::config::{FILE_BYTES_MAX, cluster, module};
use safekit_core::ids::ModuleName;
use safekit_core::runtime::clock;
use serde_json::json;

use crate::{Bench, say};

/// The goal for the slowest file.
const GOAL: Duration = Duration::from_millis(50);

const USUAL: &str = "<!DOCTYPE safe><safe><macro name=\"SERVER\" value=\"httpd\"/>
<service mode=\"farm\" boot=\"on\" maxloop=\"3\" loop_interval=\"24\">
  <farm><lan name=\"default\"/></farm>
  <errd polltimer=\"10\"><proc name=\"%SERVER%\" atleast=\"1\" action=\"restart\" class=\"both\"/></errd>
  <user nicestoptimeout=\"300\" forcestoptimeout=\"300\" logging=\"userlog\"/>
</service></safe>";

/// Hostile files by what is hostile in them: a beginning, what is repeated until the file is full, an end.
const HOSTILE: [(&str, &str, &str, &str); 14] = [
    ("elements side by side", "<safe>", "<a/>", "</safe>"),
    ("elements inside each other", "", "<safe>", ""),
    ("closing tags", "", "</safe>", ""),
    ("crossed tags", "", "<a><b></a>", ""),
    ("attributes", "<safe ", "a='' ", "/>"),
    ("one long attribute", "<safe a=\"", "a", "\"/>"),
    ("quotation marks", "<safe ", "\"", "/>"),
    ("comments", "", "<!---->", ""),
    ("broken comments", "", "<!-- -- -->", ""),
    ("entities", "<safe>", "&amp;", "</safe>"),
    ("opening brackets", "", "<", ""),
    ("control characters", "", "\u{1}", ""),
    ("uses of a macro", "<safe><macro name=\"A\" value=\"", "%A ", "\"/></safe>"),
    (
        "processes",
        "<safe><service mode=\"farm\"><farm><lan name=\"default\"/></farm><user/><errd>",
        "<proc name=\"a\"/>",
        "</errd></service></safe>",
    ),
];

pub(crate) fn measure(bench: &mut Bench) -> Try<()> {
    let runs = bench.size.of(1, 20, 100);
    say(&format!("config: {runs} runs of each file"));
    let usual = time(USUAL, runs);
    bench.times.times("configuration of a usual module, read and checked", &usual, None);
    let mut slowest: Option<(&str, Samples)> = None;
    for (what, begin, repeated, end) in HOSTILE {
        let text = full(begin, repeated, end);
        let samples = time(&text, runs);
        let times = json!({
            "file": what, "bytes": text.len(),
            "p50_us": micros(samples.percentile(50)), "max_us": micros(samples.max()),
        });
        bench.record.line("config", times)?;
        if slowest.as_ref().is_none_or(|(_, before)| before.percentile(99) < samples.percentile(99))
        {
            slowest = Some((what, samples));
        }
    }
    if let Some((what, samples)) = slowest {
        let name =
            format!("hostile configuration of 1 MiB, the slowest of {}: {what}", HOSTILE.len());
        bench.times.times(&name, &samples, Some(GOAL));
    }
    Ok(())
}

/// Reads a file as userconfig.xml and as cluster.xml, and takes the longer time of the two.
fn time(text: &str, runs: usize) -> Samples {
    let mut samples = Samples::default();
    let Ok(name) = ModuleName::new("farm") else { return samples };
    for _ in 0..runs {
        let begin = clock::now();
        drop(module::parse(&name, "userconfig.xml", text.as_bytes(), &|_name| None));
        let middle = clock::now();
        drop(cluster::parse("cluster.xml", text.as_bytes()));
        let end = clock::now();
        let (first, second) =
            (middle.saturating_duration_since(begin), end.saturating_duration_since(middle));
        samples.add(Some(first.max(second)));
    }
    samples
}

/// Makes a file that is as long as one may be.
fn full(begin: &str, repeated: &str, end: &str) -> String {
    let room = FILE_BYTES_MAX - begin.len() - end.len();
    [begin, &repeated.repeat(room / repeated.len()), end].concat()
}
