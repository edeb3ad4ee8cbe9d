//! The way back to CloudFormation: one PUT to the presigned URL, retried until S3 accepts or rejects it or the time is over.

use super::clock::Clock;
use crate::request::event::ResponseUrl;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, StatusCode};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;
use tracing::warn;

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(10);
/// The first pause between two attempts; it doubles every time.
const PAUSE: SignedDuration = SignedDuration::from_millis(500);
const PAUSE_MAX: SignedDuration = SignedDuration::from_secs(20);

/// An answer that was not accepted. The function fails with it, so that Lambda delivers the event again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the response could not be delivered to CloudFormation in {attempts} attempts; the last attempt failed with: {last}"
)]
pub struct Undelivered {
    pub attempts: u32,
    /// The result of the last attempt, without the URL.
    pub last: String,
}

#[derive(Debug, Clone)]
pub struct Callback {
    client: Client,
}

impl Callback {
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Puts an answer, with retries until `deadline`. Without a content type, because the URL's signature covers an empty
    /// one.
    ///
    /// # Errors
    /// [`Undelivered`] if S3 rejected the answer, or the deadline came first.
    pub async fn put(
        &self,
        url: &ResponseUrl,
        body: &str,
        clock: &Clock,
        deadline: Timestamp,
    ) -> Result<(), Undelivered> {
        let mut pause = PAUSE;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let request = self.client.put(url.expose()).timeout(ATTEMPT).body(body.to_owned()).send();
            let (last, rejected) = match clock.until(deadline, request).await {
                Some(Ok(answer)) if answer.status().is_success() => return Ok(()),
                Some(Ok(answer)) => (format!("status {}", answer.status()), is_rejection(answer.status())),
                Some(Err(error)) => (describe(error), false),
                None => ("no response before the deadline".to_owned(), false),
            };
            warn!(step = "answer", attempts, "CloudFormation did not accept the response: {last}");
            let next = pause + jitter(pause);
            if rejected || clock.now().saturating_add(next).is_ok_and(|next| next >= deadline) {
                return Err(Undelivered { attempts, last });
            }
            clock.sleep(next).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

/// Whether the same request would be rejected again, such as one whose signature has expired.
fn is_rejection(status: StatusCode) -> bool {
    status.is_client_error() && !matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

/// A random part of a pause, from the random state of the standard hash maps.
fn jitter(pause: SignedDuration) -> SignedDuration {
    let draw = RandomState::new().build_hasher().finish() % 1_000;
    pause * i32::try_from(draw).unwrap_or_default() / 1_000
}

/// Words an error without the URL, which the crate's own message ends with.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
