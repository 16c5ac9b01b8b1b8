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

use safekit_core::runtime::front::{ApiRequest, ApiResponse, Peer};

use permissions::Caller;
use routes::{Missing, Route};

pub(crate) use operations::{
    By, ClusterSource, LogQuery, OperationError, Operations, Others, Replace, Selected, Verbosity,
};
pub(crate) use page::StatusPage;
pub(crate) use permissions::Permissions;
pub(crate) use users::HostUsers;
#[cfg(test)]
pub(crate) use users::Users;

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

    /// Tells whether the body of a request is worth reading: `Err` is the answer to one that nobody from the network
    /// may make, or that has no route. It reads no file and waits for nothing: the front asks it on its only thread.
    /// Which user of this host may do what is [`Api::handle`]'s to say.
    ///
    /// # Errors
    /// 403, 404 or 405.
    pub(crate) fn admit(&self, request: &ApiRequest) -> Result<(), ApiResponse> {
        if !matches!(request.peer, Peer::Local { .. }) {
            allowed(&Caller::Network, request)?;
        }
        self.route(request).map(|_| ())
    }

    /// Answers a request. It may block on files and on the event loop: it is called on a worker.
    pub(crate) fn handle(&self, request: &ApiRequest) -> ApiResponse {
        self.answer(request).unwrap_or_else(|refusal| refusal)
    }

    fn answer(&self, request: &ApiRequest) -> Result<ApiResponse, ApiResponse> {
        let caller = self.permissions.caller(&request.peer);
        allowed(&caller, request)?;
        let route = self.route(request)?;
        let call = calls::Call { operations: self.operations.as_ref(), request, caller };
        call.answer(route).map_err(|error| answer::error(&error))
    }

    fn route(&self, request: &ApiRequest) -> Result<Route, ApiResponse> {
        let missing = |missing: &Missing| answer::no_route(missing, &request.path);
        let route = routes::find(request.method, &request.path).map_err(|why| missing(&why))?;
        if route.is_status() && self.status_page == StatusPage::Off {
            return Err(missing(&Missing::Path));
        }
        Ok(route)
    }
}

fn allowed(caller: &Caller, request: &ApiRequest) -> Result<(), ApiResponse> {
    caller.may(routes::area(&request.path)).map_err(|why| answer::forbidden(&why))
}

#[cfg(test)]
mod tests;
