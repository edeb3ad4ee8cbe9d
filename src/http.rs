//! The HTTP client for both ways out, to EC2 and to CloudFormation: one pool of connections, and root certificates that
//! are read once. Reading them and the first handshake are most of what a cold start costs.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use reqwest::{Body, Client, Request, redirect};
use std::time::Duration;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(3);
/// How long the start of the function waits for its first connection.
const WARM_UP: Duration = Duration::from_secs(1);

/// The client. The process's default TLS provider must be installed.
#[derive(Debug, Clone)]
pub struct Http(Client);

impl Http {
    /// Reads the system's root certificates.
    ///
    /// # Errors
    /// If there are none.
    pub fn new() -> Result<Self, reqwest::Error> {
        Client::builder().connect_timeout(CONNECT).redirect(redirect::Policy::none()).build().map(Self)
    }

    /// What answers are put with.
    #[must_use]
    pub fn client(&self) -> Client {
        self.0.clone()
    }

    /// Opens a connection, to be there when it is needed. Lambda gives a starting function a whole processor, and an
    /// event in one of 256 MB the seventh part of one. Whatever comes of it, nothing is lost.
    pub async fn warm_up(&self, url: &str) {
        let _ = self.0.head(url).timeout(WARM_UP).send().await;
    }
}

impl HttpClient for Http {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            // Requests to EC2 are forms, which lie in memory.
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
