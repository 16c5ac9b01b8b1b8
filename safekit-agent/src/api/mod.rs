//! The control API and the status page: one function that takes a complete request and gives its answer.
//!
//! In: an [`ApiRequest`] of the HTTP front. Out: an [`ApiResponse`]; what is done in between is asked of
//! [`Operations`], one method for each operation.
//!
//! ```text
//! request ── permissions ──► routes ──► calls ──► Operations
//!               403            404 405     400 409 422 500: ErrorReport
//! ```
//!
//! Always: nobody from the network reaches more than the status page; whoever changes something is named in the order;
//! a field, a query or a route that is not known is refused, never skipped.
//! Not here: bytes and limits of HTTP (the front), what an operation does (the agent).

mod answer;
mod calls;
mod operations;
mod page;
mod permissions;
mod routes;
mod users;

use std::sync::Arc;

use safekit_core::runtime::front::{ApiRequest, ApiResponse};

pub(crate) use operations::{
    By, ClusterSource, LogQuery, OperationError, Operations, Replace, Verbosity,
};
pub(crate) use page::StatusPage;
pub(crate) use permissions::Permissions;
pub(crate) use users::{HostUsers, Users};

/// Answers requests.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    operations: Arc<dyn Operations>,
    permissions: Permissions,
    status_page: StatusPage,
}

impl Api {
    /// Makes an API over the operations of an agent.
    pub(crate) fn new(
        operations: Arc<dyn Operations>,
        permissions: Permissions,
        status_page: StatusPage,
    ) -> Self {
        Self { operations, permissions, status_page }
    }

    /// Tells whether a request may go on before its body is read: `Err` is the answer to one that may not.
    ///
    /// # Errors
    /// 403, 404 or 405.
    pub(crate) fn admit(&self, request: &ApiRequest) -> Result<(), ApiResponse> {
        self.admitted(request).map(|_| ())
    }

    /// Answers a request. It may block on files and on the event loop: it is called on a worker.
    pub(crate) fn handle(&self, request: &ApiRequest) -> ApiResponse {
        let (route, caller) = match self.admitted(request) {
            Ok(admitted) => admitted,
            Err(refusal) => return refusal,
        };
        let call = calls::Call { operations: self.operations.as_ref(), request, caller };
        call.answer(route).unwrap_or_else(|error| answer::error(&error))
    }

    fn admitted(
        &self,
        request: &ApiRequest,
    ) -> Result<(routes::Route, permissions::Caller), ApiResponse> {
        let caller = self.permissions.caller(&request.peer);
        caller.may(routes::area(&request.path)).map_err(|why| answer::forbidden(&why))?;
        let route = routes::find(request.method, &request.path)
            .map_err(|missing| answer::no_route(&missing, &request.path))?;
        if route.is_status() && self.status_page == StatusPage::Off {
            return Err(answer::no_route(&routes::Missing::Path, &request.path));
        }
        Ok((route, caller))
    }
}

#[cfg(test)]
mod tests;
