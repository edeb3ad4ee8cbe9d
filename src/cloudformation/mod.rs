//! The only door to CloudFormation: `DescribeStacks`, which tells whose stacks still exist, and whether an update is a
//! rollback; and `DescribeStackResource`, which tells whether an event is still waited for, and what the resource has become.
//!
//! They are signed requests of its own. The SDK's client for CloudFormation would lengthen the first build by 7 %, and
//! what it is made of (signatures, XML, HTTP) is here already, because the client for EC2 uses it.

mod response;

use crate::model::base_url::BaseUrl;
use crate::model::protocol::{CALL_LIMIT, after};
use crate::model::stacks::{Asked, CloudFormationError, ResourceId, ResourceStatus, StackStatus, Stacks};
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
const STACKS: Asked = Asked { action: "DescribeStacks", failed: "The stacks could not be listed" };
const STACK: Asked = Asked { action: "DescribeStacks", failed: "The status of the stack could not be read" };
const RESOURCE: Asked =
    Asked { action: "DescribeStackResource", failed: "The status of the resource could not be read" };
const BAD_URL: &str =
    "AWS_ENDPOINT_URL_CLOUDFORMATION must begin with https://; plain HTTP is accepted for loopback addresses only";
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
    /// `None` if the one that replaces CloudFormation's own is not acceptable.
    url: Option<String>,
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
        let url = url.map_or_else(|| Some(own()), |url| BaseUrl::read(url).map(|base| format!("{}/", base.as_str())));
        Self { connector, credentials, region: region.to_owned(), url }
    }

    /// All stacks of the account in the region that are not deleted. Makes a call for each page.
    ///
    /// # Errors
    /// [`CloudFormationError`], if a page cannot be read: an incomplete list would tell of stacks that they do not exist.
    pub async fn stacks(&self, clock: &Clock) -> Result<Stacks, CloudFormationError> {
        let unread = |why| CloudFormationError::unread(STACKS, why);
        let (mut ids, mut token) = (Vec::new(), None::<String>);
        for _ in 0..PAGES_MAX {
            let Page { stack_ids, next_token } = self.page_patiently(token.as_deref(), clock).await?;
            ids.extend(stack_ids);
            match next_token {
                Some(next) if token.as_ref() != Some(&next) => token = Some(next),
                Some(_) => return Err(unread("it returned the same page twice")),
                None => return Ok(Stacks::of(ids)),
            }
        }
        Err(unread("it returned too many pages"))
    }

    /// What CloudFormation is doing with a resource. Makes one call, which takes up to [`CALL_LIMIT`].
    ///
    /// # Errors
    /// [`CloudFormationError`].
    pub async fn resource(&self, id: &ResourceId, clock: &Clock) -> Result<ResourceStatus, CloudFormationError> {
        let parameters = [("StackName", id.stack.as_str()), ("LogicalResourceId", &id.logical)];
        let (status, body) = self.call(RESOURCE, &parameters, clock).await?;
        response::resource(status, &body)
    }

    /// What CloudFormation is doing with a stack, given its ARN. Makes one call, which takes up to [`CALL_LIMIT`].
    ///
    /// # Errors
    /// [`CloudFormationError`].
    pub async fn stack(&self, id: &str, clock: &Clock) -> Result<StackStatus, CloudFormationError> {
        let (status, body) = self.call(STACK, &[("StackName", id)], clock).await?;
        response::stack(status, &body)
    }

    async fn page_patiently(&self, token: Option<&str>, clock: &Clock) -> Result<Page, CloudFormationError> {
        let token = token.map(|token| ("NextToken", token));
        let mut attempt = 1;
        loop {
            let called = self.call(STACKS, token.as_slice(), clock).await;
            match called.and_then(|(status, body)| response::page(status, &body)) {
                Err(error) if error.may_pass && attempt < ATTEMPTS_MAX => {
                    clock.sleep(SignedDuration::from_secs(1) * 2_i32.pow(attempt.unsigned_abs() - 1)).await;
                    attempt += 1;
                }
                ended => return ended,
            }
        }
    }

    /// One call; the HTTP status and the body of the response.
    async fn call(
        &self,
        asked: Asked,
        parameters: &[(&str, &str)],
        clock: &Clock,
    ) -> Result<(u16, Vec<u8>), CloudFormationError> {
        let now = clock.now();
        let unanswered = |why| CloudFormationError::unanswered(asked, why);
        let body = form(asked.action, parameters);
        let called = Box::pin(async {
            let request = self.signed(asked, body, now).await?;
            let response = self.connector.call(request).await;
            // Not the connector's words, which may quote the request.
            let response = response.map_err(|_| unanswered("the connection to CloudFormation failed"))?;
            let status = response.status().as_u16();
            let body = ByteStream::new(response.into_body()).collect().await;
            let body = body.map_err(|_| unanswered("the response of CloudFormation was cut off"))?;
            Ok((status, body.to_vec()))
        });
        let ended = clock.until(after(now, CALL_LIMIT), called).await;
        ended.unwrap_or_else(|| Err(unanswered("CloudFormation did not respond in time")))
    }

    async fn signed(&self, asked: Asked, body: String, now: Timestamp) -> Result<HttpRequest, CloudFormationError> {
        let unread = |why| CloudFormationError::unread(asked, why);
        let not_signed = || unread("the request could not be signed; check that the function has its role");
        let url = self.url.as_deref().ok_or_else(|| unread(BAD_URL))?;
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
        let signable = SignableRequest::new("POST", url, headers.into_iter(), SignableBody::Bytes(body.as_bytes()));
        let signed = sign(signable.map_err(|_| not_signed())?, &params.into()).map_err(|_| not_signed())?;
        let mut request = http::Request::post(url)
            .header("content-type", CONTENT_TYPE)
            .body(SdkBody::from(body.clone()))
            .map_err(|_| not_signed())?;
        signed.into_parts().0.apply_to_request_http1x(&mut request);
        HttpRequest::try_from(request).map_err(|_| not_signed())
    }
}

fn form(action: &str, parameters: &[(&str, &str)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", action).append_pair("Version", VERSION).extend_pairs(parameters).finish()
}
