use super::*;

/// A request, and what it must come to: a path, or a status, or nothing yet.
#[derive(Debug, PartialEq, Eq)]
enum Expected {
    Path(&'static str),
    Status(u16),
    Partial,
}

use Expected::{Partial, Path, Status};

#[expect(clippy::too_many_lines, reason = "a table")]
fn shapes() -> Vec<(Vec<u8>, Expected)> {
    let get = |line: &str, fields: &str| format!("{line}\r\n{fields}\r\n").into_bytes();
    let host = "Host: a\r\n";
    let mut shapes = vec![
        (get("GET /x HTTP/1.1", host), Path("/x")),
        (get("GET /x HTTP/1.0", ""), Path("/x")),
        (get("GET /x?a=b HTTP/1.1", host), Path("/x")),
        (get("OPTIONS * HTTP/1.1", host), Path("*")),
        (get("GET http://a/x HTTP/1.1", host), Path("/x")),
        (get("GET HTTP://a HTTP/1.1", host), Path("/")),
        (get("GET http://a?q HTTP/1.1", host), Path("/")),
        (get("\r\nGET /x HTTP/1.1", host), Path("/x")),
        (get("GET /x HTTP/1.1", "Host:\r\n"), Path("/x")),
        (get("GET /x HTTP/1.1", "Host: [::1]:9010\r\n"), Path("/x")),
        (get("GET /x HTTP/1.1", "Host: a\r\nX: \u{fc}\r\n"), Path("/x")),
        (get("POST /x HTTP/1.1", "Host: a\r\nContent-Length: 5\r\n"), Path("/x")),
        (get("POST /x HTTP/1.1", "Host: a\r\nContent-Length:  5 \r\n"), Path("/x")),
        (get("POST /x HTTP/1.1", "Host: a\r\nContent-Length: 0005\r\n"), Path("/x")),
        (get("POST /x HTTP/1.1", "Host: a\r\nContent-Length: 1048576\r\n"), Path("/x")),
        (get("POST /x HTTP/1.1", "Host: a\r\nExpect: 100-Continue\r\n"), Path("/x")),
        (b"GET /x HTTP/1.1\r\nHost: a\r\n".to_vec(), Partial),
        (b"GET /x HTTP/1.1\r\nHost: a".to_vec(), Partial),
        (b"GET".to_vec(), Partial),
        (b"\r\n".to_vec(), Partial),
        (b"\r".to_vec(), Partial),
        (Vec::new(), Partial),
        (get("GET /x HTTP/1.1", ""), Status(400)),
        (get("GET /x HTTP/1.1", "Host: a\r\nHost: a\r\n"), Status(400)),
        (get("GET /x HTTP/1.0", "Host: a\r\nhost: b\r\n"), Status(400)),
        (get("GET /x HTTP/1.1", "Host: a b\r\n"), Status(400)),
        (get("GET /x HTTP/1.1", "Host: a,b\r\n"), Status(400)),
        (get("GET /x HTTP/1.1", "Host : a\r\n"), Status(400)),
        (get("GET /x HTTP/1.1", " Host: a\r\n"), Status(400)),
        (get("GET /x HTTP/1.1", "Host: a\r\n b\r\n"), Status(400)),
        (get("GET /x HTTP/1.1", "Host: a\r\nX: b\r\n\tc\r\n"), Status(400)),
        (get("GET /x HTTP/1.1", "Host: a\r\nnocolon\r\n"), Status(400)),
        (get("GET /x HTTP/1.1", "Host: a\r\n: b\r\n"), Status(400)),
        (get("GET /x HTTP/1.1", "Host: a\r\nX: b\0c\r\n"), Status(400)),
        (get("GET /x HTTP/1.1", "Host: a\r\nX: b\rc\r\n"), Status(400)),
        (get("GET /x HTTP/1.1", "Host: a\r\nX\u{fc}: b\r\n"), Status(400)),
        (b"GET /x HTTP/1.1\nHost: a\n\n".to_vec(), Status(400)),
        (b"GET /x HTTP/1.1\r\nHost: a\n\r\n".to_vec(), Status(400)),
        (b"GET /x HTTP/1.1\r\nHost: a\r\n\n".to_vec(), Status(400)),
        (b"\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), Status(400)),
        (get("GET  /x HTTP/1.1", host), Status(400)),
        (get("GET /x  HTTP/1.1", host), Status(400)),
        (get("GET /x y HTTP/1.1", host), Status(400)),
        (get("GET /x HTTP/1.1 ", host), Status(400)),
        (get(" GET /x HTTP/1.1", host), Status(400)),
        (get("GET /x", host), Status(400)),
        (get("GET", host), Status(400)),
        (get("GET x HTTP/1.1", host), Status(400)),
        (get("GET * HTTP/1.1", host), Status(400)),
        (get("GET a:80 HTTP/1.1", host), Status(400)),
        (get("GET ftp://a/x HTTP/1.1", host), Status(400)),
        (get("GET /x#y HTTP/1.1", host), Status(400)),
        (get("GET /\u{fc} HTTP/1.1", host), Status(400)),
        (get("GET /x\t HTTP/1.1", host), Status(400)),
        (get("GET /x http/1.1", host), Status(400)),
        (get("GET /x HTTP/1.10", host), Status(400)),
        (get("GET /x HTTP/1", host), Status(400)),
        (get("G\u{e9}T /x HTTP/1.1", host), Status(400)),
        (b"\x16\x03\x01\x02\x00\x01".to_vec(), Status(400)),
        (b"\0".to_vec(), Status(400)),
        (get("GET /x HTTP/1.2", host), Status(505)),
        (get("GET /x HTTP/2.0", host), Status(505)),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), Status(505)),
        (get("CONNECT a:80 HTTP/1.1", host), Status(405)),
        (get("TRACE /x HTTP/1.1", host), Status(405)),
        (get("BREW /x HTTP/1.1", host), Status(501)),
        (get("get /x HTTP/1.1", host), Status(501)),
        (get("GET /x HTTP/1.1", "Host: a\r\nExpect: tea\r\n"), Status(417)),
    ];
    for length in ["5, 5", "+5", "-5", "5a", "0x5", "", "5 5", "\u{664}", "5."] {
        let fields = format!("Host: a\r\nContent-Length: {length}\r\n");
        shapes.push((get("POST /x HTTP/1.1", &fields), Status(400)));
    }
    for length in ["1048577", "100000000000", "4611686018427387904", "18446744073709551616"] {
        let fields = format!("Host: a\r\nContent-Length: {length}\r\n");
        shapes.push((get("POST /x HTTP/1.1", &fields), Status(413)));
    }
    for twice in ["5\r\nContent-Length: 5", "5\r\ncontent-length: 6"] {
        let fields = format!("Host: a\r\nContent-Length: {twice}\r\n");
        shapes.push((get("POST /x HTTP/1.1", &fields), Status(400)));
    }
    for coding in [
        "chunked",
        "gzip",
        "xchunked",
        "identity",
        "gzip, chunked",
        "",
        "chunked\r\nContent-Length: 5",
    ] {
        let fields = format!("Host: a\r\nTransfer-Encoding: {coding}\r\n");
        shapes.push((get("POST /x HTTP/1.1", &fields), Status(501)));
    }
    for coding in ["\r\n chunked", ": chunked", " : chunked"] {
        let fields = format!("Host: a\r\nTransfer-Encoding {coding}\r\n");
        shapes.push((get("POST /x HTTP/1.1", &fields), Status(400)));
    }
    let long = |count: usize| "a".repeat(count);
    // The line has 15 bytes beside the path, its end included.
    shapes.push((get(&format!("GET /{} HTTP/1.1", long(8192 - 16)), host), Path("/long")));
    shapes.push((get(&format!("GET /{} HTTP/1.1", long(8192 - 15)), host), Status(414)));
    shapes.push((long(8191).into_bytes(), Partial));
    shapes.push((long(20_000).into_bytes(), Status(414)));
    let fields = |count: usize| "X: y\r\n".repeat(count);
    shapes.push((get("GET /x HTTP/1.1", &format!("{host}{}", fields(63))), Path("/x")));
    shapes.push((get("GET /x HTTP/1.1", &format!("{host}{}", fields(64))), Status(431)));
    shapes.push((get("GET /x HTTP/1.1", &format!("{host}{}", fields(200_000))), Status(431)));
    // 17 bytes of line, 9 of host, 5 around the value, 2 at the end.
    let field = |count: usize| format!("{host}X: {}\r\n", long(count - 33));
    shapes.push((get("GET /x HTTP/1.1", &field(16_384)), Path("/x")));
    shapes.push((get("GET /x HTTP/1.1", &field(16_385)), Status(431)));
    shapes.push((get("GET /x HTTP/1.1", &field(1_048_576)), Status(431)));
    shapes
}

/// Feeds the bytes up to each cut, then all; returns the first verdict that is one.
fn feed(bytes: &[u8], cuts: impl Iterator<Item = usize>) -> Expected {
    let limits = Limits::default();
    let (mut scan, mut start) = (Scan::default(), 0);
    for cut in cuts.chain([bytes.len()]) {
        loop {
            match parse(&bytes[start..cut], &mut scan, &limits) {
                Verdict::Partial => break,
                Verdict::Skip(count) => start += count,
                Verdict::Refuse(refusal) => return Status(refusal.status),
                Verdict::Head(head) => {
                    assert_eq!(&bytes[start..start + head.bytes], head.raw);
                    let known = ["/x", "/", "*"].into_iter().find(|path| *path == head.path);
                    return Path(known.unwrap_or("/long"));
                }
            }
        }
    }
    Partial
}

#[test]
fn each_shape_has_its_verdict_however_it_is_cut() {
    for (bytes, expected) in shapes() {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(120)]).into_owned();
        assert_eq!(feed(&bytes, std::iter::empty()), expected, "whole: {text:?}");
        let upto = bytes.len().min(17_000);
        assert_eq!(feed(&bytes, 0..upto), expected, "byte by byte: {text:?}");
        // Long ones are cut where something may happen, not at each of their equal bytes.
        let cuts =
            (0..upto).filter(|cut| upto < 600 || *cut < 100 || cut + 100 > upto || cut % 499 < 3);
        for cut in cuts {
            assert_eq!(feed(&bytes, std::iter::once(cut)), expected, "cut at {cut}: {text:?}");
        }
    }
}

#[test]
fn a_head_that_comes_byte_by_byte_is_searched_once() {
    let bytes = format!("GET /x HTTP/1.1\r\nX: {}", "a".repeat(16_000)).into_bytes();
    let (mut scan, limits) = (Scan::default(), Limits::default());
    for upto in 1..=bytes.len() {
        let before = scan.at;
        assert!(matches!(parse(&bytes[..upto], &mut scan, &limits), Verdict::Partial));
        assert_eq!((before, scan.at), (upto - 1, upto), "each byte is looked at when it comes");
    }
}

fn whole(text: &str, check: impl FnOnce(Head<'_>)) {
    match parse(text.as_bytes(), &mut Scan::default(), &Limits::default()) {
        Verdict::Head(head) => check(head),
        other @ (Verdict::Partial | Verdict::Skip(_) | Verdict::Refuse(_)) => {
            panic!("{text:?} gave {other:?}")
        }
    }
}

#[test]
fn a_head_says_what_the_bytes_say() {
    whole(
        "POST http://a/b/c?d=e&f HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nX-A:  b \r\n\r\nrest",
        |head| {
            assert_eq!((head.verb, head.path, head.query), (Verb::Post, "/b/c", Some("d=e&f")));
            assert_eq!((head.length, head.waits), (12, false));
            let fields = head.fields();
            assert_eq!(fields[0], ("host".to_owned(), "a".to_owned()));
            assert_eq!(fields[2], ("x-a".to_owned(), "b".to_owned()));
            assert_eq!(fields.len(), 3);
        },
    );
    whole(
        "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
        |head| {
            assert!(head.waits);
        },
    );
}

#[test]
fn a_connection_goes_on_as_its_version_and_wish_say() {
    for (version, field, expected) in [
        ("1.1", "", Persistence::Implied),
        ("1.1", "Connection: Close\r\n", Persistence::Close),
        ("1.1", "Connection: x, close\r\n", Persistence::Close),
        ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", Persistence::Close),
        ("1.1", "Connection: closed\r\n", Persistence::Implied),
        ("1.0", "", Persistence::Close),
        ("1.0", "Connection: Keep-Alive\r\n", Persistence::Named),
        ("1.0", "Connection: keep-alive, close\r\n", Persistence::Close),
    ] {
        whole(&format!("GET / HTTP/{version}\r\nHost: a\r\n{field}\r\n"), |head| {
            assert_eq!(head.persistence, expected, "{version} {field:?}");
        });
    }
}

#[test]
fn only_the_very_path_asks_for_health() {
    for (path, expected) in [
        ("/var/modules/shop/ready.txt", Some("shop")),
        ("/var/modules/shop/ready.txt?a=b", Some("shop")),
        ("/var/modules/a/../shop/ready.txt", Some("a/../shop")),
        ("/var/modules/sh%6fp/ready.txt", Some("sh%6fp")),
        ("/var/modules/shop/ready%2etxt", None),
        ("/var/modules/shop/ready.txt/", None),
        ("/var/modules/shop/Ready.txt", None),
        ("//var/modules/shop/ready.txt", None),
        ("/var/modules/ready.txt", None),
        ("/x/../var/modules/shop/ready.txt", None),
    ] {
        whole(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"), |head| {
            assert_eq!(head.health_of(), expected, "{path}");
        });
    }
}
