//! Plays the kept corpora, and damages of what is in them: what libFuzzer has found stays found, on every machine with
//! nothing but a Rust compiler.
//!
//! `SAFEKIT_FUZZ_MS` is the time for damages of each target (1,000 ms); `SAFEKIT_SEED` another beginning.

use std::fs;
use std::path::Path;
use std::time::Duration;

use safekit_core::runtime::clock;
use safekit_fuzz::TARGETS;

/// The most bytes that damage may make of an entry.
const BYTES_MAX: usize = 4_096;
/// The most bytes of an entry, and of all corpora together: they live in the repository.
const ENTRY_BYTES_MAX: u64 = 16 << 10;
const ALL_BYTES_MAX: u64 = 1 << 20;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound.max(1) as u64).unwrap()
    }
}

/// Says which bytes a panic was about.
struct Playing<'a>(&'a str, &'a [u8]);

impl Drop for Playing<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("target {}, bytes {:?}", self.0, self.1.escape_ascii().to_string());
        }
    }
}

fn play(name: &str, target: fn(&[u8]), bytes: &[u8]) {
    let _playing = Playing(name, bytes);
    target(bytes);
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora").join(name);
    let mut paths: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn words(name: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("dictionaries/{name}.dict"));
    let text = fs::read_to_string(path).unwrap_or_default();
    let quoted = text.lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    quoted
        .map(|word| word.replace("\\\"", "\"").replace("\\x0d\\x0a", "\r\n").into_bytes())
        .collect()
}

fn damaged(random: &mut Random, corpus: &[Vec<u8>], words: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let end = (at + random.below(16)).min(bytes.len());
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 => drop(bytes.drain(at..end)),
            2 if !words.is_empty() => {
                drop(bytes.splice(at..at, words[random.below(words.len())].iter().copied()));
            }
            3 => {
                let other = &corpus[random.below(corpus.len())];
                let from = random.below(other.len() + 1);
                let piece = &other[from..(from + random.below(64)).min(other.len())];
                drop(bytes.splice(at..end, piece.iter().copied()));
            }
            4 => bytes.truncate(at),
            _ => bytes.insert(at, u8::try_from(random.below(256)).unwrap()),
        }
    }
    bytes.truncate(BYTES_MAX);
    bytes
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn what_was_found_and_what_is_like_it_breaks_nothing() {
    let time = Duration::from_millis(number("SAFEKIT_FUZZ_MS", 1_000));
    for (name, target) in TARGETS {
        let (corpus, words) = (corpus(name), words(name));
        assert!(!corpus.is_empty(), "{name} has no corpus");
        corpus.iter().for_each(|bytes| play(name, target, bytes));
        let mut random = Random(number("SAFEKIT_SEED", 1));
        let (end, mut count) = (clock::now() + time, 0_u64);
        while clock::now() < end {
            play(name, target, &damaged(&mut random, &corpus, &words));
            count += 1;
        }
        println!("{name}: {} entries, {count} damages", corpus.len());
    }
}

#[test]
fn the_corpora_are_small() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora");
    let mut sum = 0;
    for target in fs::read_dir(folder).unwrap() {
        let target = target.unwrap().path();
        let name = target.file_name().unwrap().to_str().unwrap();
        assert!(TARGETS.iter().any(|(known, _)| *known == name), "{name} is no target");
        for entry in fs::read_dir(&target).unwrap() {
            let bytes = entry.unwrap().metadata().unwrap().len();
            assert!(bytes <= ENTRY_BYTES_MAX, "an entry of {name} has {bytes} bytes");
            sum += bytes;
        }
    }
    assert!(sum <= ALL_BYTES_MAX, "{sum} bytes");
}
