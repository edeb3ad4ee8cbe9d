//! The simulation as its users hold it: calls go in, answers come out, and everything can be looked at.

use std::{
    cell::Cell,
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    actions,
    endpoint::Endpoint,
    error::ApiError,
    faults::{Call, Loss, Outcome, Verdict},
    iam::{Authorization, Policy},
    plane::Plane,
    query::{self, Params},
    world::{Group, World},
    xml,
};

/// An answer, as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// XML.
    pub body: String,
}

/// No answer: the connection broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionReset;

impl fmt::Display for ConnectionReset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection reset by peer")
    }
}

impl std::error::Error for ConnectionReset {}

type Hook = Arc<Mutex<dyn FnMut(&Call) -> Verdict + Send>>;

/// A simulated EC2. Clones share one state.
#[derive(Clone)]
pub struct Ec2(Arc<Shared>);

struct Shared {
    plane: Mutex<Plane>,
    log: Mutex<Vec<Call>>,
    hook: Mutex<Option<Hook>>,
}

thread_local! {
    /// Whether a hook is running on this thread: the calls that it makes itself are not shown to it.
    static IN_HOOK: Cell<bool> = const { Cell::new(false) };
}

impl fmt::Debug for Ec2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ec2")
    }
}

/// A test that panicked with a lock held has failed already; the others may go on.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ec2 {
    /// A world begins, and with it its clock: tokio's, so that a paused clock works.
    ///
    /// # Panics
    ///
    /// If the world contradicts itself.
    #[must_use]
    pub fn new(world: World) -> Self {
        if let Err(error) = world.check() {
            panic!("the world makes no sense: {error}");
        }
        Self(Arc::new(Shared { plane: Mutex::new(Plane::new(world)), log: Mutex::default(), hook: Mutex::default() }))
    }

    /// The state, brought up to the present.
    pub(crate) fn plane(&self) -> MutexGuard<'_, Plane> {
        let mut plane = lock(&self.0.plane);
        plane.advance();
        plane
    }

    /// The wall clock of the world: its epoch and what has passed since the start.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.plane().wall()
    }

    /// Every call that arrived, in order.
    #[must_use]
    pub fn log(&self) -> Vec<Call> {
        lock(&self.0.log).clone()
    }

    /// What was asked of the simulation that it does not know: an unknown action or parameter, a missing version. A test
    /// that drives it well ends with none.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        self.plane().complaints.clone()
    }

    /// Every endpoint that exists, as it is, without lag, in the order of their ids. One that is `deleted` and only still
    /// listed exists no more.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.plane().living().cloned().collect()
    }

    /// Every security group that exists, as it is, without lag, in the order of their ids.
    #[must_use]
    pub fn groups(&self) -> Vec<Group> {
        self.plane().groups.values().filter_map(|group| group.now()).cloned().collect()
    }

    /// From now on the caller may do only what the policy allows; `None` is everything. What IAM was asked so far is
    /// forgotten.
    pub fn set_policy(&self, policy: Option<Policy>) {
        let mut plane = self.plane();
        plane.policy = policy;
        plane.policy_use.clear();
    }

    /// What IAM was asked under the policy, and what it said, in order.
    #[must_use]
    pub fn policy_use(&self) -> Vec<Authorization> {
        self.plane().policy_use.clone()
    }

    /// Shows every call to a hook when it arrives, before any effect, and does as the hook says; replaces the hook before
    /// it. No lock is held meanwhile, so the hook may use this simulation: as another actor, acting between two calls.
    /// Calls that it makes itself are not shown to it.
    pub fn on_call(&self, hook: impl FnMut(&Call) -> Verdict + Send + 'static) {
        *lock(&self.0.hook) = Some(Arc::new(Mutex::new(hook)));
    }

    fn verdict(&self, call: &Call) -> Verdict {
        let hook = lock(&self.0.hook).clone();
        match hook {
            Some(hook) if !IN_HOOK.get() => {
                let _leave = Leave;
                let mut hook = lock(&hook);
                IN_HOOK.set(true);
                hook(call)
            }
            _ => Verdict::Proceed,
        }
    }

    /// Handles one call. A connection that is reset, which has no reply, comes out as status 0.
    pub async fn call(&self, form: &str) -> Reply {
        self.exchange(form, None).await.unwrap_or_else(|ConnectionReset| Reply { status: 0, body: String::new() })
    }

    /// Handles one call: the latency, the hook's verdict, the effect. The signature, which is the request's header
    /// `Authorization`, is not checked; the log says whose it is.
    ///
    /// # Errors
    ///
    /// If the hook has the connection reset.
    pub async fn exchange(&self, form: &str, signature: Option<&str>) -> Result<Reply, ConnectionReset> {
        let way = self.latency() / 2;
        tokio::time::sleep(way).await;
        let (action, values, well_formed) = query::parse(form);
        let call = self.arrive(query::caller(signature.unwrap_or_default()), action, values);
        let mut stale = Duration::ZERO;
        let mut loss = None;
        match self.verdict(&call) {
            Verdict::Proceed => {}
            Verdict::Stale(age) => stale = age,
            Verdict::Delay(delay) => tokio::time::sleep(delay).await,
            Verdict::LoseAnswer(how) => loss = Some(how),
            Verdict::Fail { status, code, message } => {
                let reply = self.answer(&call, &Err(ApiError::with_status(status, &code, message)));
                tokio::time::sleep(way).await;
                return Ok(reply);
            }
            Verdict::Reset => {
                let message = ConnectionReset.to_string();
                self.settle(&call, Outcome::Error { status: 0, code: "ConnectionReset".to_owned(), message });
                return Err(ConnectionReset);
            }
            Verdict::Hang => std::future::pending().await,
        }
        let Some(reply) = self.act(&call, well_formed, stale) else { std::future::pending().await };
        tokio::time::sleep(way).await;
        match loss {
            None => Ok(reply),
            Some(Loss::Reset) => Err(ConnectionReset),
            Some(Loss::Silence) => std::future::pending().await,
            Some(Loss::ServerError) => Ok(self.reply(
                &call.action,
                &Err(ApiError::with_status(500, "InternalError", "An internal error has occurred")),
            )),
        }
    }

    fn latency(&self) -> Duration {
        let mut plane = self.plane();
        let span = plane.knobs.latency_ms;
        plane.random.within(span)
    }

    fn arrive(&self, caller: String, action: String, params: BTreeMap<String, String>) -> Call {
        let at = self.plane().now;
        let mut log = lock(&self.0.log);
        let call = Call { number: log.len(), at, caller, action, params, outcome: None };
        log.push(call.clone());
        call
    }

    /// `None` if EC2 never answers.
    fn act(&self, call: &Call, well_formed: Result<(), ApiError>, stale: Duration) -> Option<Reply> {
        let result = well_formed.and_then(|()| {
            let mut params = Params::new(call.action.clone(), call.params.clone());
            actions::run(&mut self.plane(), &mut params, stale)
        });
        let silent = result.as_ref().is_err_and(|error| error.silent);
        (!silent).then(|| self.answer(call, &result))
    }

    /// Enters the outcome in the log, and writes the answer.
    fn answer(&self, call: &Call, result: &Result<xml::Xml, ApiError>) -> Reply {
        match result {
            Ok(_) => self.settle(call, Outcome::Ok),
            Err(error) => {
                self.settle(call, error.into());
                if error.complaint {
                    self.plane().complaints.push(format!("{}: {}: {}", call.action, error.code, error.message));
                }
            }
        }
        self.reply(&call.action, result)
    }

    fn settle(&self, call: &Call, outcome: Outcome) {
        lock(&self.0.log)[call.number].outcome = Some(outcome);
    }

    fn reply(&self, action: &str, result: &Result<xml::Xml, ApiError>) -> Reply {
        let request_id = self.plane().random.uuid();
        match result {
            Ok(inside) => Reply { status: 200, body: xml::response(action, &request_id, inside) },
            Err(error) => Reply { status: error.status, body: xml::refusal(&request_id, error) },
        }
    }
}

/// Notes that the hook is left, even by a panic.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        IN_HOOK.set(false);
    }
}
