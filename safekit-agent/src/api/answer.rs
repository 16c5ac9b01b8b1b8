//! Makes answers: JSON, files, and errors with their status.

use safekit_core::control::{ErrorCode, ErrorReport};
use safekit_core::runtime::front::ApiResponse;
use serde::Serialize;

use super::operations::OperationError;
use super::routes::Missing;

const JSON: &str = "application/json";

/// Answers with a report.
pub(super) fn json(report: &impl Serialize) -> Result<ApiResponse, OperationError> {
    let mut body = serde_json::to_vec_pretty(report)
        .map_err(|error| OperationError::Internal(format!("cannot write the answer: {error}")))?;
    body.push(b'\n');
    Ok(fresh(ApiResponse::new(200, JSON, body)))
}

/// Answers with a zip file.
pub(super) fn zip(bytes: Vec<u8>) -> ApiResponse {
    fresh(ApiResponse::new(200, "application/zip", bytes))
}

/// Answers that an operation was not done.
pub(super) fn error(error: &OperationError) -> ApiResponse {
    let message = error.to_string();
    match error {
        OperationError::Usage(_) => report(400, ErrorCode::Usage, message, Vec::new()),
        OperationError::Configuration { diagnostics, .. } => {
            report(422, ErrorCode::Configuration, message, diagnostics.clone())
        }
        OperationError::Refused(_) => report(409, ErrorCode::Refused, message, Vec::new()),
        OperationError::Internal(_) => report(500, ErrorCode::Internal, message, Vec::new()),
    }
}

/// Answers that who asks may not.
pub(super) fn forbidden(why: &str) -> ApiResponse {
    report(403, ErrorCode::Forbidden, why.to_owned(), Vec::new())
}

/// Answers that there is no such route.
pub(super) fn no_route(missing: &Missing, path: &str) -> ApiResponse {
    match missing {
        Missing::Path => report(404, ErrorCode::Usage, format!("there is no {path}"), Vec::new()),
        Missing::Module(why) => {
            report(404, ErrorCode::Usage, format!("{path} names no module: {why}"), Vec::new())
        }
        Missing::Method(allowed) => {
            let message = format!("{path} takes {allowed} only");
            report(405, ErrorCode::Usage, message, Vec::new()).with_header("Allow", *allowed)
        }
    }
}

fn report(status: u16, code: ErrorCode, message: String, details: Vec<String>) -> ApiResponse {
    let report = ErrorReport { code, message, details };
    // Plain data of texts can always be written; an empty body is still an honest status.
    let body = serde_json::to_vec(&report).unwrap_or_default();
    fresh(ApiResponse::new(status, JSON, body))
}

/// Adds what keeps an answer out of caches.
pub(super) fn fresh(response: ApiResponse) -> ApiResponse {
    response
        .with_header("Cache-Control", "no-store")
        .with_header("X-Content-Type-Options", "nosniff")
}
