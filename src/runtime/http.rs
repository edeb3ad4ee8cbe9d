//! The HTTP client for EC2 and for CloudFormation: one pool of connections, and root certificates that are read once.
//! Reading them and the first handshake take most of a cold start.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use reqwest::{Body, Client, Request, redirect};
use std::time::Duration;

/// The longest that opening a connection may take.
const CONNECT: Duration = Duration::from_secs(3);
/// The longest that the start of the function waits for its first connection.
const WARM_UP: Duration = Duration::from_secs(1);

/// The client. The process needs a default TLS provider before it is created.
#[derive(Debug, Clone)]
pub struct Http(Client);

impl Http {
    /// Reads the system's root certificates.
    ///
    /// # Errors
    /// If there are no root certificates.
    pub fn new() -> Result<Self, reqwest::Error> {
        Client::builder().connect_timeout(CONNECT).redirect(redirect::Policy::none()).build().map(Self)
    }

    /// The same client for answers to CloudFormation.
    pub fn client(&self) -> Client {
        self.0.clone()
    }

    /// Opens a connection before it is needed. Lambda gives a function a whole processor while it starts, and a seventh of
    /// one during an event if it has 256 MB. The result does not matter.
    pub async fn warm_up(&self, url: &str) {
        let _ = self.0.head(url).timeout(WARM_UP).send().await;
    }
}

impl HttpClient for Http {
    // The settings are the SDK's timeouts, which the EC2 client sets for the whole operation instead.
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            // Requests to EC2 are forms in memory, not streams.
            let request = request.map(|body| Body::from(body.bytes().unwrap_or_default().to_vec()));
            let request = Request::try_from(request).map_err(connector_error)?;
            let answer = http::Response::from(client.execute(request).await.map_err(connector_error)?);
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::user(error.into()))
        })
    }
}

fn connector_error(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() {
        ConnectorError::timeout(error.into())
    } else if error.is_builder() {
        ConnectorError::user(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}
