//! Client tokens: a request with the same token and the same parameters returns the same endpoint.

use std::{collections::BTreeMap, time::Duration};

use crate::{error::ApiError, query::Values};

#[derive(Debug)]
struct Used {
    params: Values,
    endpoint: String,
    at: Duration,
}

/// The tokens of successful requests. A failed request does not use up its token.
#[derive(Debug, Default)]
pub(crate) struct Tokens(BTreeMap<String, Used>);

impl Tokens {
    /// The endpoint that was created with this token, if any.
    pub(crate) fn find(
        &self,
        token: &str,
        params: &Values,
        now: Duration,
        lifetime: Duration,
    ) -> Result<Option<&str>, ApiError> {
        if token.len() > 64 || !token.is_ascii() || token.is_empty() {
            return Err(ApiError::new("InvalidClientToken", format!("Invalid client token: {token}")));
        }
        match self.0.get(token).filter(|used| now.saturating_sub(used.at) < lifetime) {
            None => Ok(None),
            Some(used) if used.params == *params => Ok(Some(&used.endpoint)),
            Some(_) => Err(ApiError::new(
                "IdempotentParameterMismatch",
                format!("The client token '{token}' was already used with different parameters"),
            )),
        }
    }

    pub(crate) fn remember(&mut self, token: String, params: Values, endpoint: String, at: Duration) {
        self.0.insert(token, Used { params, endpoint, at });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_requires_the_same_parameters_during_its_lifetime() {
        let (second, day) = (Duration::from_secs(1), Duration::from_hours(24));
        let params = Values::from([("VpcId".to_owned(), "vpc-1".to_owned())]);
        let mut tokens = Tokens::default();
        assert_eq!(tokens.find("t", &params, second, day), Ok(None));
        tokens.remember("t".to_owned(), params.clone(), "vpce-1".to_owned(), second);
        assert_eq!(tokens.find("t", &params, second, day), Ok(Some("vpce-1")));
        assert_eq!(tokens.find("T", &params, second, day), Ok(None), "tokens are case-sensitive");
        let error = tokens.find("t", &Values::new(), second, day).unwrap_err();
        assert_eq!(error.code, "IdempotentParameterMismatch");
        assert_eq!(tokens.find("t", &Values::new(), second + day, day), Ok(None), "the token has expired");
    }

    #[test]
    fn a_malformed_token_is_rejected() {
        for token in ["", "ü", &"x".repeat(65)] {
            let error = Tokens::default().find(token, &Values::new(), Duration::ZERO, Duration::MAX).unwrap_err();
            assert_eq!(error.code, "InvalidClientToken", "{token}");
        }
    }
}
