//! The API over operations that only remember what they are asked.

mod command;
mod fake;
mod inputs;
mod permissions;
mod routes;

use std::sync::Arc;

use safekit_core::control::ErrorReport;
use safekit_core::runtime::front::{ApiRequest, ApiResponse, Method, Peer};

use super::{Api, OperationError, Permissions, StatusPage};
use fake::{FakeOperations, FakeUsers};

pub(super) use fake::state as fake_state;

/// An operator: root, through the control socket.
const ROOT: Peer = Peer::Local { uid: 0, gid: 0, pid: 1 };

fn api(operations: &Arc<FakeOperations>) -> Api {
    let permissions = Permissions::new(990, Arc::new(FakeUsers));
    Api::new(operations.clone(), permissions, StatusPage::On)
}

fn request(method: Method, path: &str, body: &str, peer: Peer) -> ApiRequest {
    let mut request = ApiRequest::new(method, path, peer);
    request.body = body.as_bytes().to_vec();
    request
}

/// Asks as root; gives the answer and what was asked of the operations.
fn ask(method: Method, path: &str, body: &str) -> (ApiResponse, Vec<String>) {
    let operations = Arc::new(FakeOperations::default());
    let answer = api(&operations).handle(&request(method, path, body, ROOT));
    (answer, operations.asked())
}

fn refuse(error: OperationError, method: Method, path: &str) -> ApiResponse {
    let operations = Arc::new(FakeOperations::failing(error));
    api(&operations).handle(&request(method, path, "", ROOT))
}

fn error_of(answer: &ApiResponse) -> ErrorReport {
    serde_json::from_slice(&answer.body).unwrap()
}

fn text_of(answer: &ApiResponse) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

fn header_of<'a>(answer: &'a ApiResponse, wanted: &str) -> Option<&'a str> {
    let mut found = answer.headers.iter().filter(|(name, _)| name == wanted);
    found.next().map(|(_, value)| value.as_str())
}
