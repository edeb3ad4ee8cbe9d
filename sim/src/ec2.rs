//! The public interface of the simulation: handles calls, injects faults, and exposes the current state.

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
    error::{ApiError, Arrival},
    faults::{Call, Loss, Outcome, Verdict},
    iam::{Authorization, AuthorizationRequest, Policy},
    plane::Plane,
    query::{self, Params},
    world::{Group, World},
    xml,
};

/// An HTTP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status code.
    pub status: u16,
    /// The XML document.
    pub body: String,
}

/// There is no response because the connection was reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionReset;

impl fmt::Display for ConnectionReset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection reset by peer")
    }
}

impl std::error::Error for ConnectionReset {}

type Hook = Arc<Mutex<dyn FnMut(&Call) -> Verdict + Send>>;

/// A simulated EC2. Clones share the same state.
#[derive(Clone)]
pub struct Ec2(Arc<Shared>);

struct Shared {
    plane: Mutex<Plane>,
    log: Mutex<Vec<Call>>,
    hook: Mutex<Option<Hook>>,
}

thread_local! {
    /// Whether a hook is running on this thread. A hook is not invoked for the calls that it makes itself.
    static IN_HOOK: Cell<bool> = const { Cell::new(false) };
}

impl fmt::Debug for Ec2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ec2")
    }
}

/// A test that panicked while holding the lock has already failed; other tests can continue.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ec2 {
    /// Starts a simulation and its clock, which is tokio's, so that tests can pause it.
    ///
    /// # Panics
    ///
    /// If the world is invalid.
    #[must_use]
    pub fn new(world: World) -> Self {
        if let Err(error) = world.check() {
            panic!("invalid world: {error}");
        }
        Self(Arc::new(Shared { plane: Mutex::new(Plane::new(world)), log: Mutex::default(), hook: Mutex::default() }))
    }

    /// The state, after running everything that is due.
    pub(crate) fn plane(&self) -> MutexGuard<'_, Plane> {
        let mut plane = lock(&self.0.plane);
        plane.advance();
        plane
    }

    /// The simulated wall-clock time: the epoch plus the time since the start.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.plane().wall()
    }

    /// All calls, in order of arrival.
    #[must_use]
    pub fn log(&self) -> Vec<Call> {
        lock(&self.0.log).clone()
    }

    /// Requests that the simulation does not recognize: an unknown action or parameter, or a missing version. Tests
    /// assert that this list is empty.
    #[must_use]
    pub fn unrecognized_requests(&self) -> Vec<String> {
        self.plane().unrecognized.clone()
    }

    /// The current state of every endpoint, without read lag, sorted by ID. Endpoints in the state `deleted` are excluded,
    /// although EC2 still lists them for a while.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.plane().existing_endpoints().cloned().collect()
    }

    /// The current state of every security group, without read lag, sorted by ID.
    #[must_use]
    pub fn groups(&self) -> Vec<Group> {
        self.plane().groups.values().filter_map(|group| group.now()).cloned().collect()
    }

    /// Restricts the caller to what the policy allows; `None` allows everything. Clears the recorded authorizations.
    pub fn set_policy(&self, policy: Option<Policy>) {
        let mut plane = self.plane();
        plane.policy = policy;
        plane.authorizations.clear();
    }

    /// Whether the policy allows a request of another service with the same role.
    pub(crate) fn allows(&self, request: &AuthorizationRequest) -> bool {
        let mut plane = self.plane();
        let Some(result) = plane.policy.as_ref().map(|policy| policy.decide(request)) else { return true };
        plane.authorizations.push(result.clone());
        result.allowed
    }

    /// The authorization requests since the policy was set, and their results, in order.
    #[must_use]
    pub fn authorizations(&self) -> Vec<Authorization> {
        self.plane().authorizations.clone()
    }

    /// Invokes a hook for every call when it arrives, before it has any effect, and applies the hook's verdict. Replaces
    /// the previous hook. No lock is held while the hook runs, so it can use this simulation, for example to act as another
    /// client between two calls. The hook is not invoked for the calls that it makes itself.
    pub fn on_call(&self, hook: impl FnMut(&Call) -> Verdict + Send + 'static) {
        *lock(&self.0.hook) = Some(Arc::new(Mutex::new(hook)));
    }

    fn verdict(&self, call: &Call) -> Verdict {
        let hook = lock(&self.0.hook).clone();
        match hook {
            Some(hook) if !IN_HOOK.get() => {
                let _leave = LeaveHook;
                let mut hook = lock(&hook);
                IN_HOOK.set(true);
                hook(call)
            }
            _ => Verdict::Proceed,
        }
    }

    /// Handles one call. If the connection is reset, the status is 0.
    pub async fn call(&self, form: &str) -> Reply {
        self.exchange(form, None).await.unwrap_or_else(|ConnectionReset| Reply { status: 0, body: String::new() })
    }

    /// Handles one call: applies the latency, the hook's verdict, and the effect. The signature is the request's
    /// `Authorization` header. It is not verified; the log shows its access key ID.
    ///
    /// # Errors
    ///
    /// If the hook resets the connection.
    pub async fn exchange(&self, form: &str, signature: Option<&str>) -> Result<Reply, ConnectionReset> {
        let one_way = self.latency() / 2;
        tokio::time::sleep(one_way).await;
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
                let message = self.expand(&call, &message, None);
                let reply = self.respond(&call, &Err(ApiError::with_status(status, &code, message)));
                tokio::time::sleep(one_way).await;
                return Ok(reply);
            }
            Verdict::FailItems { code, message } => {
                let reply = self.fail_items(&call, &code, &message);
                tokio::time::sleep(one_way).await;
                return Ok(reply);
            }
            Verdict::Reset => {
                let message = ConnectionReset.to_string();
                self.settle(&call, Outcome::Error { status: 0, code: "ConnectionReset".to_owned(), message });
                return Err(ConnectionReset);
            }
            Verdict::Hang => std::future::pending().await,
        }
        let (reply, arrival) = self.act(&call, well_formed, stale);
        match arrival {
            Arrival::Immediately => {}
            Arrival::After(delay) => tokio::time::sleep(delay).await,
            Arrival::Never => std::future::pending().await,
        }
        tokio::time::sleep(one_way).await;
        match loss {
            None => Ok(reply),
            Some(Loss::Reset) => Err(ConnectionReset),
            Some(Loss::Silence) => std::future::pending().await,
            Some(Loss::ServerError) => Ok(self.reply(&call.action, &Err(ApiError::internal_error()))),
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

    /// The message of an injected error, with its placeholders replaced.
    fn expand(&self, call: &Call, message: &str, item: Option<&str>) -> String {
        let id = item.or_else(|| call.params.get("VpcEndpointId").map(String::as_str)).unwrap_or_default();
        message.replace("{account}", &self.plane().account).replace("{action}", &call.action).replace("{id}", id)
    }

    /// The response to a call whose items all fail.
    fn fail_items(&self, call: &Call, code: &str, message: &str) -> Reply {
        if call.action != "DeleteVpcEndpoints" {
            return self.respond(call, &Err(ApiError::new(code, self.expand(call, message, None))));
        }
        let ids = Params::new(call.action.clone(), call.params.clone()).list("VpcEndpointId");
        let error = |id: &String| ApiError::new(code, self.expand(call, message, Some(id)));
        let items: Vec<(&String, ApiError)> = ids.iter().map(|id| (id, error(id))).collect();
        let message = items.first().map(|(_, error)| error.message.clone()).unwrap_or_default();
        self.settle(call, Outcome::Error { status: 200, code: code.to_owned(), message });
        self.reply(&call.action, &Ok(xml::unsuccessful(items)))
    }

    fn act(&self, call: &Call, well_formed: Result<(), ApiError>, stale: Duration) -> (Reply, Arrival) {
        let result = well_formed.and_then(|()| {
            let mut params = Params::new(call.action.clone(), call.params.clone());
            actions::run(&mut self.plane(), &mut params, stale)
        });
        match &result {
            // The call has no outcome in the log.
            Err(error) if error.arrival == Arrival::Never => (self.reply(&call.action, &result), error.arrival),
            Err(error) => (self.respond(call, &result), error.arrival),
            Ok(_) => (self.respond(call, &result), Arrival::Immediately),
        }
    }

    /// Records the outcome in the log, and writes the response.
    fn respond(&self, call: &Call, result: &Result<xml::Xml, ApiError>) -> Reply {
        match result {
            Ok(_) => self.settle(call, Outcome::Ok),
            Err(error) => {
                self.settle(call, error.into());
                if error.unrecognized {
                    self.plane().unrecognized.push(format!("{}: {}: {}", call.action, error.code, error.message));
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
            Err(error) => Reply { status: error.status, body: xml::error_response(&request_id, error) },
        }
    }
}

/// Resets the flag when the hook returns, even by a panic.
struct LeaveHook;

impl Drop for LeaveHook {
    fn drop(&mut self) {
        IN_HOOK.set(false);
    }
}
