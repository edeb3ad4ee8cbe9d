//! The only door to TiDB Cloud's API (`v1beta1`, which serves Starter, and Essential on the shared model). One call is one
//! answer or one error; whether to ask again is decided elsewhere.

pub mod digest;
pub mod reading;

use crate::model::api_key::ApiKey;
use crate::model::base_url::BaseUrl;
use crate::model::cluster::{Cluster, ClusterRef};
use crate::model::cluster_error::ClusterError;
use crate::model::protocol::CALL_LIMIT;
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use digest::{Challenge, Signed};
use http::header::{AUTHORIZATION, HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use jiff::SignedDuration;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use tokio::time::timeout;

/// The API (TiDB Cloud API overview, "v1beta1").
const BASE_URL: &str = "https://serverless.tidbapi.com";
/// The setting that replaces it.
pub const URL_SETTING: &str = "TIDB_CLOUD_API_URL";
/// The longest answer that is read. A cluster has about 2 KB.
const BODY_MAX: usize = 1 << 20;
/// The longest wait that the API may ask for. Its limit is per minute.
const WAIT_MAX: SignedDuration = SignedDuration::from_mins(2);
/// How many requests one call may take: without credentials, with a nonce that has just become too old, with a new one.
const REQUESTS_MAX: u32 = 4;

/// The API, through the HTTP client that the AWS SDK uses, too.
#[derive(Debug, Clone)]
pub struct TidbCloud {
    connector: SharedHttpConnector,
    /// `None` if the setting is not usable.
    base: Option<BaseUrl>,
}

/// Calls about one cluster with one key. A nonce serves for several calls, each with its own count.
#[derive(Debug)]
pub struct Session<'a> {
    api: &'a TidbCloud,
    cluster: &'a ClusterRef,
    key: ApiKey,
    /// The last challenge, and how many requests have answered it.
    challenge: Option<(Challenge, u32)>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

type Result<T> = std::result::Result<T, ClusterError>;

impl TidbCloud {
    /// `url` is the setting [`URL_SETTING`]; empty for the API itself.
    pub fn new(connector: SharedHttpConnector, url: &str) -> Self {
        Self { connector, base: BaseUrl::read(if url.is_empty() { BASE_URL } else { url }) }
    }

    /// The client for calls about a cluster.
    pub fn session<'a>(&'a self, cluster: &'a ClusterRef, key: ApiKey) -> Session<'a> {
        Session { api: self, cluster, key, challenge: None }
    }
}

impl Session<'_> {
    /// Asks for the cluster.
    ///
    /// # Errors
    /// [`ClusterError`] by HTTP status: the `code` in the body is another number.
    pub async fn get(&mut self) -> Result<Cluster> {
        let answer = self.authenticated().await?;
        let (cluster, secret) = (self.cluster.id.clone(), self.cluster.secret.clone());
        let said = || self.said(&answer);
        match answer.status {
            StatusCode::OK => reading::cluster(&answer.body)
                .ok_or_else(|| self.unclear("the answer to a request that succeeded is not a JSON object")),
            StatusCode::UNAUTHORIZED => Err(ClusterError::KeyRejected { secret, message: said() }),
            // 404 is not in the specification, and an id that has the wrong form is a 400.
            StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                Err(ClusterError::NoSuchCluster { cluster, secret, message: said() })
            }
            StatusCode::TOO_MANY_REQUESTS => {
                Err(ClusterError::RateLimited { secret, message: said(), wait: wait(&answer.headers) })
            }
            StatusCode::REQUEST_TIMEOUT => Err(self.failed(&said())),
            status if status.is_server_error() => Err(self.failed(&said())),
            _ => Err(self.unclear(&said())),
        }
    }

    /// The answer to the request once it has the authentication that the server asks for.
    async fn authenticated(&mut self) -> Result<Answer> {
        let mut is_fresh = false;
        for _ in 1..REQUESTS_MAX {
            let answer = self.exchange().await?;
            if answer.status != StatusCode::UNAUTHORIZED {
                return Ok(answer);
            }
            let headers = answer.headers.get_all(WWW_AUTHENTICATE).iter();
            let Some(challenge) = Challenge::strongest(headers.filter_map(|value| value.to_str().ok())) else {
                // A key that is known to be wrong may get no further challenge.
                return if self.challenge.is_some() {
                    Ok(answer)
                } else {
                    Err(self.unclear("it does not ask for HTTP Digest with MD5 or SHA-256"))
                };
            };
            // A nonce of an earlier call may have become too old, whether the server says so or not.
            if is_fresh && !challenge.is_stale {
                return Ok(answer);
            }
            is_fresh = true;
            self.challenge = Some((challenge, 0));
        }
        Err(self.failed("it calls every nonce too old"))
    }

    /// One request, with an answer to the last challenge if there is one.
    async fn exchange(&mut self) -> Result<Answer> {
        let request = self.request()?;
        let exchange = async {
            let answer = self.api.connector.call(request).await.map_err(|error| {
                self.failed(if error.is_timeout() { "the connection timed out" } else { "the connection failed" })
            })?;
            let answer = answer.try_into_http1x().map_err(|_| self.unclear("it is not HTTP"))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, BODY_MAX).collect().await;
            let body = body.map_err(|_| self.failed("the answer was cut off or is too long"))?.to_bytes().to_vec();
            Ok(Answer { status: head.status, headers: head.headers, body })
        };
        match timeout(CALL_LIMIT.unsigned_abs(), Box::pin(exchange)).await {
            Ok(answer) => answer,
            Err(_) => Err(self.failed("it did not answer in time")),
        }
    }

    fn request(&mut self) -> Result<HttpRequest> {
        let base = self.api.base.as_ref().ok_or(ClusterError::BadSetting { name: URL_SETTING })?;
        let url = format!("{}/v1beta1/clusters/{}?view=FULL", base.as_str(), self.cluster.id);
        let mut request = http::Request::builder().method(Method::GET).uri(&url);
        if let Some((challenge, count)) = &mut self.challenge {
            *count += 1;
            // The digest covers path and query as they are sent.
            let uri = url.splitn(4, '/').nth(3).unwrap_or_default();
            let (uri, client_nonce) = (format!("/{uri}"), client_nonce());
            let signed = Signed { method: "GET", uri: &uri, count: *count, client_nonce: &client_nonce };
            request = request.header(AUTHORIZATION, challenge.authorization(&self.key, signed));
        }
        let request = request.body(SdkBody::empty()).map_err(|_| self.unclear("its challenge cannot be answered"))?;
        HttpRequest::try_from(request).map_err(|_| self.unclear("its challenge cannot be answered"))
    }

    /// What an answer says about itself, in words that are fit for a message.
    fn said(&self, answer: &Answer) -> String {
        let status = format!("HTTP status {}", answer.status.as_u16());
        match reading::error_message(&answer.body) {
            Some(message) => format!("{status}: {}", self.key.removed_from(&message)),
            None => status,
        }
    }

    fn failed(&self, message: &str) -> ClusterError {
        ClusterError::ApiFailed { cluster: self.cluster.id.clone(), message: message.to_owned() }
    }

    fn unclear(&self, message: &str) -> ClusterError {
        ClusterError::ApiUnclear { cluster: self.cluster.id.clone(), message: message.to_owned() }
    }
}

/// How long to wait before the next request (`X-Ratelimit-Reset`, in seconds, which the API documents; `Retry-After`, which
/// gateways send).
fn wait(headers: &HeaderMap) -> Option<SignedDuration> {
    let seconds = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u32>().ok();
    let seconds = seconds("x-ratelimit-reset").or_else(|| seconds(RETRY_AFTER.as_str()))?;
    Some(SignedDuration::from_secs(seconds.into()).min(WAIT_MAX))
}

/// A random string, from the random state of the standard hash maps.
fn client_nonce() -> String {
    let draw = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", draw(), draw())
}
