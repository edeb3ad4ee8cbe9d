//! The way back to CloudFormation: one PUT to the signed URL, repeated until it is taken or the time is over.

use crate::clock::Clock;
use crate::event::ResponseUrl;
use jiff::{SignedDuration, Timestamp};
use reqwest::Client;
use std::time::Duration;
use tracing::warn;

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(10);
/// The first pause; it doubles.
const PAUSE: SignedDuration = SignedDuration::from_millis(500);
/// The longest pause.
const PAUSE_MAX: SignedDuration = SignedDuration::from_secs(20);

/// An answer that nobody took. The function fails with it, so that Lambda delivers the event again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the response could not be delivered to CloudFormation in {attempts} attempts; the last attempt failed with: {last}"
)]
pub struct Undelivered {
    /// How often it was tried.
    pub attempts: u32,
    /// What became of the last attempt, without the URL.
    pub last: String,
}

/// Delivers answers.
#[derive(Debug, Clone)]
pub struct Callback {
    client: Client,
}

impl Callback {
    /// Over the given HTTP client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Puts an answer, again and again until `deadline`. No content type: the URL's signature covers an empty one.
    ///
    /// # Errors
    /// [`Undelivered`] when the deadline came first.
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

/// An error in words that hold no URL: the crate's own words end with it.
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
