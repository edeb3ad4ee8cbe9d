//! Pagination.

use std::collections::BTreeMap;

use super::Plane;
use crate::{error::ApiError, query::Paging};

/// The tokens handed out, each with its action and the last row before its page.
#[derive(Debug, Default)]
pub(super) struct Pages(BTreeMap<String, (String, String)>);

impl Plane {
    /// Returns one page of rows, which must be sorted by key.
    pub(crate) fn page<T>(
        &mut self,
        action: &str,
        rows: impl IntoIterator<Item = (String, T)>,
        paging: Paging,
        largest: usize,
    ) -> Result<(Vec<T>, Option<String>), ApiError> {
        let after = match paging.token {
            None => None,
            Some(token) => match self.pages.0.get(&token) {
                Some((of, last)) if of == action => Some(last.clone()),
                _ => return Err(ApiError::new("InvalidNextToken", format!("The token '{token}' is invalid"))),
            },
        };
        let mut rest = rows.into_iter().filter(|(key, _)| after.as_ref().is_none_or(|last| key > last)).peekable();
        let size = paging.size.unwrap_or(largest).min(largest).max(1);
        let (mut last, mut page) = (String::new(), Vec::new());
        while page.len() < size
            && let Some((key, row)) = rest.next()
        {
            last = key;
            page.push(row);
        }
        let next = rest.peek().is_some().then(|| {
            let token = self.random.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 64);
            self.pages.0.insert(token.clone(), (action.to_owned(), last));
            token
        });
        Ok((page, next))
    }
}
