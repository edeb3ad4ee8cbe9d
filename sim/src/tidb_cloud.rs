//! TiDB Cloud's API as far as the provider uses it: `GET /v1beta1/clusters/{id}?view=FULL` with HTTP Digest authentication
//! (RFC 7616), errors in the form of `google.rpc.Status` with numbers of TiDB Cloud's own, and 100 requests per minute and
//! key (the API's specification; the fixtures of tidbcloud-cli). Every request counts towards the limit, also one without
//! credentials; whether the real API counts those is not documented.

mod clusters;
mod digest;

use std::{collections::BTreeMap, fmt, sync::Mutex, time::Duration};

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
pub use clusters::{Cluster, example_clusters};
pub use digest::Algorithm;
use digest::Server;
use serde_json::{Value, json};

use crate::{
    ConnectionReset, Verdict,
    web::{self, Api, Connector, Desk, Shared, WebCall, WebReply, lock},
};

const MINUTE: Duration = Duration::from_secs(60);

/// What can be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TidbCloudKnobs {
    /// The algorithms that the server offers, in its order.
    pub algorithms: Vec<Algorithm>,
    /// For how long a nonce is valid.
    pub nonce_lifetime: Duration,
    /// How many requests the server accepts in a minute.
    pub requests_per_minute: usize,
}

impl Default for TidbCloudKnobs {
    fn default() -> Self {
        Self { algorithms: vec![Algorithm::Md5], nonce_lifetime: Duration::from_secs(300), requests_per_minute: 100 }
    }
}

/// A simulated API of TiDB Cloud. Clones share the same state.
#[derive(Clone)]
pub struct TidbCloud(Shared<State>);

struct State {
    knobs: Mutex<TidbCloudKnobs>,
    clusters: Mutex<BTreeMap<String, Cluster>>,
    server: Mutex<Server>,
    desk: Desk,
}

impl fmt::Debug for TidbCloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TidbCloud")
    }
}

impl TidbCloud {
    /// An API with the example clusters and one API key.
    #[must_use]
    pub fn new(public_key: &str, private_key: &str) -> Self {
        Self(Shared::new(State {
            knobs: Mutex::default(),
            clusters: Mutex::new(example_clusters()),
            server: Mutex::new(Server::new(public_key, private_key)),
            desk: Desk::new(),
        }))
    }

    /// Changes settings.
    pub fn turn(&self, change: impl FnOnce(&mut TidbCloudKnobs)) {
        change(&mut lock(&self.0.knobs));
    }

    /// Creates or replaces a cluster.
    pub fn put(&self, id: &str, cluster: Cluster) {
        lock(&self.0.clusters).insert(id.to_owned(), cluster);
    }

    /// Removes all knowledge of nonces, as a restart of the server does.
    pub fn forget_nonces(&self) {
        lock(&self.0.server).forget();
    }

    /// A connector for the HTTP client of the AWS SDK, without sockets.
    #[must_use]
    pub fn connector(&self) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector(self.clone()))
    }

    /// Handles one call that came over HTTP.
    ///
    /// # Errors
    ///
    /// If the hook resets the connection.
    pub async fn exchange(&self, method: &str, uri: &str, authorization: &str) -> Result<WebReply, ConnectionReset> {
        let (method, uri, authorization) = (method.to_owned(), uri.to_owned(), authorization.to_owned());
        let (target, body) = (String::new(), String::new());
        web::exchange(self, WebCall { number: 0, at: Duration::ZERO, method, uri, authorization, target, body }).await
    }

    /// All calls, in order of arrival.
    #[must_use]
    pub fn log(&self) -> Vec<WebCall> {
        self.0.desk.log()
    }

    /// Invokes a hook for every call before it has any effect, and applies the hook's verdict.
    pub fn on_call(&self, hook: impl FnMut(&WebCall) -> Verdict + Send + 'static) {
        self.0.desk.set_hook(Box::new(hook));
    }

    /// The response if there were too many requests in this minute, this one included.
    fn over_limit(&self, now: Duration) -> Option<WebReply> {
        let limit = lock(&self.0.knobs).requests_per_minute;
        let minute = |at: Duration| at.as_secs() / MINUTE.as_secs();
        let count = self.0.desk.log().iter().filter(|call| minute(call.at) == minute(now)).count();
        (count > limit).then(|| {
            let reset = MINUTE.as_secs() - now.as_secs() % MINUTE.as_secs();
            let mut reply = Self::error(429, "49900007", "API rate limit exceeded");
            reply.headers = vec![
                ("x-ratelimit-limit-minute", limit.to_string()),
                ("x-ratelimit-remaining-minute", "0".to_owned()),
                ("x-ratelimit-reset", reset.to_string()),
            ];
            reply
        })
    }

    fn cluster(&self, call: &WebCall) -> WebReply {
        let path = call.uri.split('?').next().unwrap_or_default();
        let Some(id) = path.strip_prefix("/v1beta1/clusters/").filter(|_| call.method == "GET") else {
            return Self::error(404, "5", "no such method");
        };
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Self::error(400, "49900002", "invalid cluster id");
        }
        let clusters = lock(&self.0.clusters);
        match clusters.get(id) {
            Some(cluster) if cluster.is_accessible => {
                let body = cluster.json(id, self.0.desk.elapsed()).to_string();
                WebReply { status: 200, headers: Vec::new(), body }
            }
            Some(_) => Self::error(403, "49900003", "permission denied"),
            None => Self::error(404, "49900004", "cluster not found"),
        }
    }
}

impl Api for TidbCloud {
    const NAME: &'static str = "TidbCloud";

    fn desk(&self) -> &Desk {
        &self.0.desk
    }

    fn answer(&self, call: &WebCall) -> WebReply {
        let now = self.0.desk.elapsed();
        if let Some(reply) = self.over_limit(now) {
            return reply;
        }
        let knobs = lock(&self.0.knobs).clone();
        let mut server = lock(&self.0.server);
        let Err(refused) = server.check(call, now, knobs.nonce_lifetime) else {
            return self.cluster(call);
        };
        let challenges = server.challenges(&knobs.algorithms, refused.is_stale, now);
        WebReply {
            headers: challenges.into_iter().map(|challenge| ("www-authenticate", challenge)).collect(),
            ..Self::error(401, "49900001", refused.message)
        }
    }

    fn error(status: u16, code: &str, message: &str) -> WebReply {
        let code: i64 = code.parse().unwrap_or(13);
        let details: [Value; 0] = [];
        let body = json!({ "code": code, "message": message, "details": details }).to_string();
        WebReply { status, headers: Vec::new(), body }
    }
}
