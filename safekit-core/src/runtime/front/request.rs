//! What the handler is asked, and what it answers.

use std::borrow::Cow;
use std::net::SocketAddr;

/// A complete request: head and body have arrived and kept all limits.
///
/// A handler is a function, and tested as one:
///
/// ```
/// use std::sync::Arc;
/// use safekit_core::runtime::front::{Admit, ApiRequest, ApiResponse, Method, Peer};
///
/// /// Only root may change something.
/// fn may_change(request: &ApiRequest) -> Result<(), ApiResponse> {
///     match (request.method, request.peer) {
///         (Method::Get | Method::Head, _) | (_, Peer::Local { uid: 0, .. }) => Ok(()),
///         _ => Err(ApiResponse::text(403, "only root may change something\n")),
///     }
/// }
///
/// let admit: Admit = Arc::new(may_change);
/// let user = Peer::Local { uid: 1000, gid: 1000, pid: 4711 };
/// let request = ApiRequest::new(Method::Post, "/v1/modules/web/start?wait=10", user);
/// assert_eq!((&request.path[..], request.query.as_deref()), ("/v1/modules/web/start", Some("wait=10")));
/// assert_eq!(admit(&request).map_err(|refusal| refusal.status), Err(403));
/// assert!(request.header("authorization").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiRequest {
    /// What to do.
    pub method: Method,
    /// The path as it was sent: it begins with `/`, nothing is decoded, `..` is not resolved.
    pub path: String,
    /// What followed the `?`, as it was sent.
    pub query: Option<String>,
    /// The header fields in the order they came, names in lower case; bytes that are not UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// The body; when [`FrontConfig::admit`](super::FrontConfig::admit) is asked, still empty.
    pub body: Vec<u8>,
    /// Who asks.
    pub peer: Peer,
}

impl ApiRequest {
    /// Makes a request without headers and body, for tests of a handler.
    #[must_use]
    pub fn new(method: Method, path: &str, peer: Peer) -> Self {
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
            None => (path.to_owned(), None),
        };
        Self { method, path, query, headers: Vec::new(), body: Vec::new(), peer }
    }

    /// Returns the value of a header field, `name` in lower case; `None` when it is absent, or when it came more than
    /// once: what two of them mean is a matter of opinion, and on a token or a cookie opinions are holes.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(given, _)| given == name);
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value.as_str())
    }
}

/// What a request wants done. Other methods never reach the handler.
///
/// Example: [`ApiRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// Give the resource.
    Get,
    /// Give the head of the answer to `Get`; a body that the handler gives is measured and left out.
    Head,
    /// Do what the body says.
    Post,
    /// Put the body there.
    Put,
    /// Change what is there.
    Patch,
    /// Take it away.
    Delete,
}

/// Who asks.
///
/// Example: [`ApiRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Peer {
    /// Somebody on the network.
    Tcp(SocketAddr),
    /// A process of this host, as the operating system vouches for it.
    Local {
        /// User.
        uid: u32,
        /// Group.
        gid: u32,
        /// Process; 0 when it lives in a process namespace of its own.
        pid: u32,
    },
}

/// What the handler answers.
///
/// ```
/// use safekit_core::runtime::front::ApiResponse;
///
/// let answer = ApiResponse::new(200, "application/json", br#"{"state":"UP"}"#.to_vec())
///     .with_header("Cache-Control", "no-store");
/// assert_eq!(answer.headers.len(), 1);
/// assert_eq!(ApiResponse::text(404, "nothing here\n").content_type, "text/plain; charset=utf-8");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiResponse {
    /// Status, from 200 to 599; anything else is sent as 500.
    pub status: u16,
    /// Kind of the body.
    pub content_type: Cow<'static, str>,
    /// Further header fields. `Date`, `Connection`, `Content-Length`, `Content-Type` and `Transfer-Encoding` are the
    /// front's own: an answer that names one of them, or holds a line break, is sent as 500.
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl ApiResponse {
    /// Makes an answer without further header fields.
    #[must_use]
    pub fn new(status: u16, content_type: impl Into<Cow<'static, str>>, body: Vec<u8>) -> Self {
        Self { status, content_type: content_type.into(), headers: Vec::new(), body }
    }

    /// Makes an answer of plain text.
    #[must_use]
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        Self::new(status, "text/plain; charset=utf-8", text.into().into_bytes())
    }

    /// Adds a header field.
    #[must_use]
    pub fn with_header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}
