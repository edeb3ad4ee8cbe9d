//! The only door to CloudFormation: one call, `DescribeStacks`, which tells whose stacks still exist.
//!
//! It is a signed request of its own. The SDK's client for CloudFormation would lengthen the first build by 7 %, and
//! what it is made of (signatures, XML, HTTP) is here already, because the client for EC2 uses it.

mod response;

use crate::model::protocol::{CALL_LIMIT, after};
use crate::model::stacks::{Stacks, Unlisted};
use crate::runtime::clock::Clock;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use jiff::{SignedDuration, Timestamp};
use response::Page;

/// The version of the API (AWS CloudFormation API reference).
const VERSION: &str = "2010-05-15";
const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";
/// CloudFormation returns up to 100 stacks in a page, and an account has 2,000 by default.
const PAGES_MAX: usize = 1_000;
/// How often a page is asked for. CloudFormation limits how often an account may ask.
const ATTEMPTS_MAX: i32 = 5;

/// A client for CloudFormation.
#[derive(Debug, Clone)]
pub struct CloudFormation {
    connector: SharedHttpConnector,
    credentials: SharedCredentialsProvider,
    region: String,
    url: Result<String, Unlisted>,
}

impl CloudFormation {
    /// A client for a region. `url` replaces CloudFormation's own; plain HTTP is accepted for loopback addresses only.
    pub fn new(
        connector: SharedHttpConnector,
        credentials: SharedCredentialsProvider,
        region: &str,
        url: Option<&str>,
    ) -> Self {
        let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
        let own = || format!("https://cloudformation.{region}.amazonaws.com{suffix}/");
        let url = url.map_or_else(|| Ok(own()), checked);
        Self { connector, credentials, region: region.to_owned(), url }
    }

    /// All stacks of the account in the region that are not deleted. Makes a call for each page.
    ///
    /// # Errors
    /// [`Unlisted`], if a page cannot be read: an incomplete list would tell of stacks that they do not exist.
    pub async fn stacks(&self, clock: &Clock) -> Result<Stacks, Unlisted> {
        let (mut ids, mut token) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let Page { stack_ids, next_token } = self.page_patiently(token.as_deref(), clock).await?;
            ids.extend(stack_ids);
            match next_token {
                Some(next) if token.as_ref() != Some(&next) => token = Some(next),
                Some(_) => return Err(Unlisted::unread("it returned the same page twice")),
                None => return Ok(Stacks::of(ids)),
            }
        }
        Err(Unlisted::unread("it returned too many pages"))
    }

    async fn page_patiently(&self, token: Option<&str>, clock: &Clock) -> Result<Page, Unlisted> {
        let mut attempt = 1;
        loop {
            let now = clock.now();
            let page = clock.until(after(now, CALL_LIMIT), Box::pin(self.page(token, now))).await;
            let page = page.unwrap_or_else(|| Err(Unlisted::unanswered("CloudFormation did not respond in time")));
            match page {
                Err(unlisted) if unlisted.may_pass && attempt < ATTEMPTS_MAX => {
                    clock.sleep(SignedDuration::from_secs(1) * 2_i32.pow(attempt.unsigned_abs() - 1)).await;
                    attempt += 1;
                }
                ended => return ended,
            }
        }
    }

    async fn page(&self, token: Option<&str>, now: Timestamp) -> Result<Page, Unlisted> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", "DescribeStacks").append_pair("Version", VERSION);
        if let Some(token) = token {
            form.append_pair("NextToken", token);
        }
        let request = self.signed(form.finish(), now).await?;
        let response = self.connector.call(request).await;
        // Not the connector's words, which may quote the request.
        let response = response.map_err(|_| Unlisted::unanswered("the connection to CloudFormation failed"))?;
        let status = response.status().as_u16();
        let body = ByteStream::new(response.into_body()).collect().await;
        let body = body.map_err(|_| Unlisted::unanswered("the response of CloudFormation was cut off"))?;
        response::read(status, &body.into_bytes())
    }

    async fn signed(&self, body: String, now: Timestamp) -> Result<HttpRequest, Unlisted> {
        let not_signed = || Unlisted::unread("the request could not be signed; check that the function has its role");
        let url = self.url.clone()?;
        let credentials = self.credentials.provide_credentials().await.map_err(|_| not_signed())?;
        let identity = credentials.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("cloudformation")
            .time(now.try_into().map_err(|_| not_signed())?)
            .settings(SigningSettings::default())
            .build()
            .map_err(|_| not_signed())?;
        let headers = [("content-type", CONTENT_TYPE)];
        let signable = SignableRequest::new("POST", &url, headers.into_iter(), SignableBody::Bytes(body.as_bytes()));
        let signed = sign(signable.map_err(|_| not_signed())?, &params.into()).map_err(|_| not_signed())?;
        let mut request = http::Request::post(&url)
            .header("content-type", CONTENT_TYPE)
            .body(SdkBody::from(body.clone()))
            .map_err(|_| not_signed())?;
        signed.into_parts().0.apply_to_request_http1x(&mut request);
        HttpRequest::try_from(request).map_err(|_| not_signed())
    }
}

/// A URL in place of CloudFormation's own.
fn checked(url: &str) -> Result<String, Unlisted> {
    let host = |scheme: &str| {
        let rest = url.strip_prefix(scheme)?;
        let authority = rest.split('/').next().unwrap_or_default();
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        Some(host.trim_matches(['[', ']']))
    };
    let is_loopback =
        |host: &str| host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if host("https://").is_some_and(|host| !host.is_empty()) || host("http://").is_some_and(is_loopback) {
        return Ok(format!("{}/", url.trim_end_matches('/')));
    }
    Err(Unlisted::unread(
        "AWS_ENDPOINT_URL_CLOUDFORMATION must begin with https://; plain HTTP is accepted for loopback addresses only",
    ))
}
