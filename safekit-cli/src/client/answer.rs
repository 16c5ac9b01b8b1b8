//! Reads one HTTP/1.1 answer within limits.

use std::io::{self, Read};

use httparse::{EMPTY_HEADER, Response, Status};

/// Longest head that is taken.
pub(super) const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Longest body that is taken; the agent itself sends 16 MiB at most.
pub(super) const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Most fields of a head.
const FIELDS_MAX: usize = 64;
/// Bytes read at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// A complete answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The status code.
    pub(super) status: u16,
    /// The body.
    pub(super) body: Vec<u8>,
}

/// Why there is no complete answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AnswerError {
    /// Nobody took the connection.
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    /// The connection failed.
    #[error("the connection broke: {0}")]
    Io(#[source] io::Error),
    /// The connection ended before the answer did.
    #[error("the answer is cut")]
    Cut,
    /// The head is longer than [`HEAD_BYTES_MAX`] or has too many fields.
    #[error("its head is longer than {HEAD_BYTES_MAX} bytes")]
    HeadTooLong,
    /// The body is longer than [`BODY_BYTES_MAX`].
    #[error("its body is longer than {BODY_BYTES_MAX} bytes")]
    BodyTooLong,
    /// It is not an HTTP/1.1 answer with a length.
    #[error("it is not HTTP: {0}")]
    NotHttp(String),
}

struct Head {
    status: u16,
    bytes: usize,
    body_bytes: usize,
}

/// Reads an answer.
///
/// # Errors
/// See [`AnswerError`].
pub(super) fn read(stream: &mut (impl Read + ?Sized)) -> Result<Answer, AnswerError> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(head) = parse(&bytes)? {
            break head;
        }
        if bytes.len() > HEAD_BYTES_MAX {
            return Err(AnswerError::HeadTooLong);
        }
        more(stream, &mut bytes)?;
    };
    let all_bytes = head.bytes.saturating_add(head.body_bytes);
    while bytes.len() < all_bytes {
        more(stream, &mut bytes)?;
    }
    bytes.truncate(all_bytes);
    Ok(Answer { status: head.status, body: bytes.split_off(head.bytes.min(all_bytes)) })
}

fn more(stream: &mut (impl Read + ?Sized), bytes: &mut Vec<u8>) -> Result<(), AnswerError> {
    let mut chunk = [0; CHUNK_BYTES];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return Err(AnswerError::Cut),
            Ok(count) => {
                bytes.extend(chunk.iter().take(count));
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(AnswerError::Io(error)),
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Option<Head>, AnswerError> {
    let mut fields = [EMPTY_HEADER; FIELDS_MAX];
    let mut response = Response::new(&mut fields);
    let head_bytes = match response.parse(bytes) {
        Ok(Status::Complete(head_bytes)) => head_bytes,
        Ok(Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(AnswerError::HeadTooLong),
        Err(error) => return Err(AnswerError::NotHttp(error.to_string())),
    };
    let status = response.code.unwrap_or_default();
    let mut length = None;
    for field in response.headers.iter() {
        if field.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(AnswerError::NotHttp("a transfer encoding".to_owned()));
        }
        if field.name.eq_ignore_ascii_case("content-length")
            && length.replace(field.value).is_some()
        {
            return Err(AnswerError::NotHttp("two lengths".to_owned()));
        }
    }
    let body_bytes = match length {
        None if status == 204 => 0,
        None => return Err(AnswerError::NotHttp("no length".to_owned())),
        Some(value) => length_of(value)?,
    };
    Ok(Some(Head { status, bytes: head_bytes, body_bytes }))
}

fn length_of(value: &[u8]) -> Result<usize, AnswerError> {
    let digits = std::str::from_utf8(value).unwrap_or_default().trim();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AnswerError::NotHttp("a length that is no number".to_owned()));
    }
    match digits.parse::<usize>() {
        Ok(length) if length <= BODY_BYTES_MAX => Ok(length),
        _ => Err(AnswerError::BodyTooLong),
    }
}
