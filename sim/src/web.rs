//! What the two JSON APIs have in common: the record of calls, latency, and injected faults. Their requests come from the
//! function through the HTTP client of the AWS SDK, or over HTTP.

use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use tokio::time::Instant;

use crate::{ConnectionReset, Loss, Verdict};

/// A call to one of the JSON APIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebCall {
    /// The position in order of arrival, from 0.
    pub number: usize,
    /// The time of arrival since the start of the simulation.
    pub at: Duration,
    /// Such as `GET`.
    pub method: String,
    /// Path and query.
    pub uri: String,
    /// The header `Authorization`; empty if there is none.
    pub authorization: String,
    /// The header `X-Amz-Target`; empty if there is none.
    pub target: String,
    /// The body.
    pub body: String,
}

/// A response of one of the JSON APIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebReply {
    /// The HTTP status code.
    pub status: u16,
    /// The headers other than the content type.
    pub headers: Vec<(&'static str, String)>,
    /// The JSON document.
    pub body: String,
}

type Hook = Box<dyn FnMut(&WebCall) -> Verdict + Send>;

/// Calls and faults of one API.
pub(crate) struct Desk {
    start: Instant,
    log: Mutex<Vec<WebCall>>,
    hook: Mutex<Option<Hook>>,
}

pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One way.
const LATENCY: Duration = Duration::from_millis(20);

/// An API that answers calls.
pub(crate) trait Api: Clone + Send + Sync + 'static {
    const NAME: &'static str;
    fn desk(&self) -> &Desk;
    fn answer(&self, call: &WebCall) -> WebReply;
    /// An error in the form of the API.
    fn error(status: u16, code: &str, message: &str) -> WebReply;
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), log: Mutex::default(), hook: Mutex::default() }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn log(&self) -> Vec<WebCall> {
        lock(&self.log).clone()
    }

    pub(crate) fn set_hook(&self, hook: Hook) {
        *lock(&self.hook) = Some(hook);
    }

    fn arrive(&self, call: WebCall) -> (WebCall, Verdict) {
        let mut log = lock(&self.log);
        let call = WebCall { number: log.len(), at: self.elapsed(), ..call };
        log.push(call.clone());
        drop(log);
        let verdict = lock(&self.hook).as_mut().map_or(Verdict::Proceed, |hook| hook(&call));
        (call, verdict)
    }
}

/// Handles one call: the latency, the hook's verdict, and the effect.
pub(crate) async fn exchange<A: Api>(api: &A, call: WebCall) -> Result<WebReply, ConnectionReset> {
    tokio::time::sleep(LATENCY).await;
    let (call, verdict) = api.desk().arrive(call);
    let reply = match verdict {
        // These APIs have no read lag and no calls with several items.
        Verdict::Proceed | Verdict::Stale(_) | Verdict::FailItems { .. } => api.answer(&call),
        Verdict::Delay(delay) => {
            tokio::time::sleep(delay).await;
            api.answer(&call)
        }
        Verdict::Fail { status, code, message } => A::error(status, &code, &message),
        Verdict::Reset => return Err(ConnectionReset),
        Verdict::Hang => std::future::pending().await,
        Verdict::LoseAnswer(loss) => {
            drop(api.answer(&call));
            match loss {
                Loss::Reset => return Err(ConnectionReset),
                Loss::Silence => std::future::pending().await,
                Loss::ServerError => A::error(500, "InternalError", "An internal error has occurred"),
            }
        }
    };
    tokio::time::sleep(LATENCY).await;
    Ok(reply)
}

/// The front end for the HTTP client of the AWS SDK.
pub(crate) struct Connector<A>(pub(crate) A);

impl<A: Api> fmt::Debug for Connector<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(A::NAME)
    }
}

impl<A: Api> HttpConnector for Connector<A> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let api = self.0.clone();
        HttpConnectorFuture::new(async move {
            let reset = |error| ConnectorError::io(io::Error::new(io::ErrorKind::ConnectionReset, error).into());
            response(exchange(&api, call(&request)).await.map_err(reset)?)
        })
    }
}

fn call(request: &HttpRequest) -> WebCall {
    let header = |name: &str| request.headers().get(name).unwrap_or_default().to_owned();
    let body = request.body().bytes().unwrap_or_default();
    // Scheme and host come before the third slash.
    let path = request.uri().splitn(4, '/').nth(3).unwrap_or_default();
    WebCall {
        number: 0,
        at: Duration::ZERO,
        method: request.method().to_owned(),
        uri: format!("/{path}"),
        authorization: header("authorization"),
        target: header("x-amz-target"),
        body: String::from_utf8_lossy(body).into_owned(),
    }
}

fn response(reply: WebReply) -> Result<HttpResponse, ConnectorError> {
    let status = StatusCode::try_from(reply.status).map_err(|error| ConnectorError::user(error.into()))?;
    let mut response = HttpResponse::new(status, SdkBody::from(reply.body));
    response.headers_mut().insert("content-type", "application/json");
    for (name, value) in reply.headers {
        response.headers_mut().append(name, value);
    }
    Ok(response)
}

/// A shared API.
pub(crate) type Shared<T> = Arc<T>;
