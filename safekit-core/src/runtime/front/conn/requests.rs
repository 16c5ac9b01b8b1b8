//! What is made of the bytes of a connection: heads and bodies of requests, health answers, work for the handler.
//!
//! In: bytes as they came. Out: how many of them are done with, answers that wait to be sent, requests for the handler.
//! Not here: what a head means (`head`), the socket and the time limits (`conn`).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::{Cancel, Conn, ConnId, Ending, FAULT, Phase, Receiving, Reply, Working};
use crate::runtime::front::answer::{
    Body, CONTINUE, Persistence, Refusal, push_page, push_plain, push_response,
};
use crate::runtime::front::budget::Charge;
use crate::runtime::front::head::{self, Head, Scan, Verb, Verdict};
use crate::runtime::front::pool::{Job, Submit, Submitted};
use crate::runtime::front::request::{ApiRequest, Method};
use crate::runtime::front::shared::Shared;

const BUSY: Refusal = Refusal { status: 503, why: "too many requests are being handled" };
const NO_ROOM: Refusal = Refusal { status: 503, why: "too many bodies are being received" };
const NO_BODY: Refusal = Refusal { status: 400, why: "no body is taken here" };
const NO_OPTIONS: Refusal = Refusal { status: 405, why: "this method is not allowed here" };

impl Conn {
    /// Reads requests and bodies; returns how many bytes are done with.
    pub(super) fn take<S: Submit>(
        &mut self,
        now: Instant,
        bytes: &[u8],
        id: ConnId,
        shared: &mut Shared<S>,
    ) -> usize {
        self.starved = false;
        let mut used = 0;
        while let Some(rest) = bytes.get(used..)
            && !rest.is_empty()
        {
            let step = match self.phase {
                Phase::Request => {
                    if self.turn_left == 0 || self.out.len() >= shared.limits.pipeline_bytes {
                        break;
                    }
                    self.take_request(now, rest, id, shared)
                }
                Phase::Body(_) => self.take_body(rest, id, shared),
                Phase::Work(_) | Phase::Closing(_) | Phase::Linger(_) | Phase::Done => break,
            };
            if step == 0 {
                break;
            }
            used += step;
        }
        used
    }

    fn take_request<S: Submit>(
        &mut self,
        now: Instant,
        bytes: &[u8],
        id: ConnId,
        shared: &mut Shared<S>,
    ) -> usize {
        match head::parse(bytes, &mut self.scan, &shared.limits) {
            Verdict::Partial => {
                self.starved = true;
                0
            }
            Verdict::Skip(count) => count,
            Verdict::Refuse(refusal) => {
                shared.tally.refused.add();
                self.refuse(refusal, Body::Sent, shared);
                0
            }
            Verdict::Head(head) => {
                self.scan = Scan::default();
                let reply = Reply {
                    persistence: shared.persistence(head.persistence),
                    body: if head.verb == Verb::Head { Body::Measured } else { Body::Sent },
                };
                self.turn_left = self.turn_left.saturating_sub(1);
                match head.health_of() {
                    Some(_) if head.length > 0 => {
                        shared.tally.refused.add();
                        self.refuse(NO_BODY, reply.body, shared);
                        0
                    }
                    Some(name) => {
                        self.answer_probe(now, name, head.verb, reply, shared);
                        head.bytes
                    }
                    // The handler's answers are not mixed with waiting ones: its turn comes when all are sent.
                    None if !self.out.is_empty() => 0,
                    None => self.begin(&head, bytes, reply, id, shared),
                }
            }
        }
    }

    fn answer_probe<S>(
        &mut self,
        now: Instant,
        name: &str,
        verb: Verb,
        reply: Reply,
        shared: &mut Shared<S>,
    ) {
        let Shared { view, tally, date, no_probe, .. } = shared;
        let page = match verb {
            Verb::Get | Verb::Head | Verb::Options => {
                let health = view.health(name, now);
                tally.probes.add();
                if health.vouched.is_some() {
                    tally.probes_ready.add();
                    // Of several waiting answers the oldest stands on the least.
                    self.vouched = self.vouched.or(health.vouched);
                }
                health.page
            }
            Verb::Post | Verb::Put | Verb::Patch | Verb::Delete => no_probe,
        };
        push_page(&mut self.out, page, date, reply.persistence, reply.body);
        self.finish(reply.persistence);
    }

    /// Begins a request of the handler; returns the bytes of its head.
    fn begin<S: Submit>(
        &mut self,
        head: &Head<'_>,
        bytes: &[u8],
        reply: Reply,
        id: ConnId,
        shared: &mut Shared<S>,
    ) -> usize {
        let Some(method) = method(head.verb) else {
            if head.length > 0 {
                shared.tally.refused.add();
                self.refuse(NO_OPTIONS, reply.body, shared);
            } else {
                push_plain(&mut self.out, NO_OPTIONS, &shared.date, reply.persistence, reply.body);
                self.finish(reply.persistence);
            }
            return head.bytes;
        };
        let request = ApiRequest {
            method,
            path: head.path.to_owned(),
            query: head.query.map(str::to_owned),
            headers: head.fields(),
            body: Vec::new(),
            peer: self.peer,
        };
        let charge = Charge::new(&shared.bodies);
        if head.length == 0 {
            self.submit(request, reply, charge, id, shared);
        } else if self.is_admitted(&request, reply, shared) {
            if head.waits && bytes.len() == head.bytes {
                self.out.extend_from_slice(CONTINUE);
            }
            let length = head.length;
            self.phase = Phase::Body(Box::new(Receiving { request, length, reply, charge }));
        }
        head.bytes
    }

    /// Asks, before a body is read, whether it is worth it.
    fn is_admitted<S>(&mut self, request: &ApiRequest, reply: Reply, shared: &Shared<S>) -> bool {
        let Some(admit) = &shared.admit else { return true };
        let response = match catch_unwind(AssertUnwindSafe(|| admit(request))) {
            Ok(Ok(())) => return true,
            Ok(Err(response)) => response,
            Err(_) => {
                shared.tally.handler_faults.add();
                self.refuse(FAULT, reply.body, shared);
                return false;
            }
        };
        shared.tally.refused_admit.add();
        let (date, close) = (&shared.date, Persistence::Close);
        if push_response(&mut self.out, &response, date, close, reply.body).is_ok() {
            self.phase = Phase::Closing(Ending::Linger);
        } else {
            shared.tally.handler_faults.add();
            self.refuse(FAULT, reply.body, shared);
        }
        false
    }

    fn take_body<S: Submit>(&mut self, bytes: &[u8], id: ConnId, shared: &mut Shared<S>) -> usize {
        let Phase::Body(receiving) = &mut self.phase else { return 0 };
        let have = receiving.request.body.len();
        let new = bytes.get(..receiving.length - have).unwrap_or(bytes);
        if !receiving.charge.resize(have + new.len()) {
            shared.tally.refused_bodies.add();
            self.refuse(NO_ROOM, Body::Sent, shared);
            return 0;
        }
        receiving.request.body.extend_from_slice(new);
        if have + new.len() < receiving.length {
            self.starved = true;
        } else if let Phase::Body(whole) = std::mem::replace(&mut self.phase, Phase::Request) {
            let Receiving { request, reply, charge, .. } = *whole;
            self.submit(request, reply, charge, id, shared);
        }
        new.len()
    }

    fn submit<S: Submit>(
        &mut self,
        request: ApiRequest,
        reply: Reply,
        charge: Charge,
        id: ConnId,
        shared: &mut Shared<S>,
    ) {
        let cancelled = Arc::new(AtomicBool::new(false));
        let cancel = Cancel(Arc::clone(&cancelled));
        match shared.pool.submit(Job { id, request, cancelled, charge }) {
            Submitted::Taken => {
                shared.tally.handled.add();
                self.phase = Phase::Work(Working { reply, _cancel: cancel });
            }
            Submitted::Full => {
                shared.tally.refused_queue.add();
                let persistence = shared.persistence(reply.persistence);
                push_plain(&mut self.out, BUSY, &shared.date, persistence, reply.body);
                self.finish(persistence);
            }
        }
    }
}

/// Returns what the handler calls a method; `OPTIONS` is not for it.
fn method(verb: Verb) -> Option<Method> {
    match verb {
        Verb::Get => Some(Method::Get),
        Verb::Head => Some(Method::Head),
        Verb::Post => Some(Method::Post),
        Verb::Put => Some(Method::Put),
        Verb::Patch => Some(Method::Patch),
        Verb::Delete => Some(Method::Delete),
        Verb::Options => None,
    }
}
