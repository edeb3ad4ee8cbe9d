//! The way back to CloudFormation: one PUT to the presigned URL, retried until it is accepted or the time is over.

use super::clock::Clock;
use crate::request::event::ResponseUrl;
use jiff::{SignedDuration, Timestamp};
use reqwest::Client;
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
    /// [`Undelivered`] if the deadline came first.
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
            let last = match clock.until(deadline, request).await {
                Some(Ok(answer)) if answer.status().is_success() => return Ok(()),
                Some(Ok(answer)) => format!("status {}", answer.status()),
                Some(Err(error)) => describe(error),
                None => "no response before the deadline".to_owned(),
            };
            warn!(step = "answer", attempts, "CloudFormation did not accept the response: {last}");
            let jitter = pause * (attempts % 4) / 4;
            if clock.now().saturating_add(pause + jitter).is_ok_and(|next| next >= deadline) {
                return Err(Undelivered { attempts: attempts.unsigned_abs(), last });
            }
            clock.sleep(pause + jitter).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
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
