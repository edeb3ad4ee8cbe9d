//! Filters: a resource must match all filters, and at least one value of each. Values can have the wildcards `*` and `?`,
//! and are case-sensitive.

use crate::{error::ApiError, pattern::matches_filter, tags::Tags};

#[derive(Debug, Default)]
pub(crate) struct Filters(Vec<(String, Vec<String>)>);

impl Filters {
    /// Adds a filter if its name is known. In `known`, `tag` permits both `tag:KEY` and `tag-key`, and `tag:` permits
    /// `tag:KEY` only.
    pub(crate) fn add(&mut self, known: &[&str], name: String, values: Vec<String>) -> Result<(), ApiError> {
        let found = if name.starts_with("tag:") {
            known.contains(&"tag") || known.contains(&"tag:")
        } else if name == "tag-key" {
            known.contains(&"tag")
        } else {
            name != "tag" && known.contains(&name.as_str())
        };
        if !found {
            return Err(ApiError::invalid_value(format!("The filter '{name}' is invalid")));
        }
        self.0.push((name, values));
        Ok(())
    }

    /// Whether a resource matches all filters. `values_of` returns the values that the resource has for a filter name.
    pub(crate) fn pass(&self, tags: &Tags, values_of: impl Fn(&str) -> Vec<String>) -> bool {
        self.0.iter().all(|(name, patterns)| {
            let values = if let Some(key) = name.strip_prefix("tag:") {
                tags.get(key).cloned().into_iter().collect()
            } else if name == "tag-key" {
                tags.keys().cloned().collect()
            } else {
                values_of(name)
            };
            values.iter().any(|value| patterns.iter().any(|pattern| matches_filter(pattern, value)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(all: &[(&str, &[&str])]) -> Filters {
        let mut filters = Filters::default();
        for (name, values) in all {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            filters.add(&["vpc-id", "state", "tag"], (*name).to_owned(), values).unwrap();
        }
        filters
    }

    fn passes(all: &[(&str, &[&str])]) -> bool {
        let tags = Tags::from([("Owner".to_owned(), "TeamA".to_owned())]);
        filters(all).pass(&tags, |name| vec![if name == "state" { "available" } else { "vpc-1" }.to_owned()])
    }

    #[test]
    fn any_value_and_all_filters_must_match() {
        assert!(passes(&[]));
        assert!(passes(&[("state", &["pending", "available"]), ("vpc-id", &["vpc-1"])]));
        assert!(!passes(&[("state", &["available"]), ("vpc-id", &["vpc-2"])]));
        assert!(!passes(&[("state", &["Available"])]), "case-sensitive");
        assert!(!passes(&[("state", &[])]), "no value, no match");
    }

    #[test]
    fn tags_match_by_key_and_value() {
        assert!(passes(&[("tag:Owner", &["TeamA"]), ("tag-key", &["Owner"])]));
        assert!(!passes(&[("tag:Owner", &["TeamB"])]));
        assert!(!passes(&[("tag:owner", &["TeamA"])]), "case-sensitive");
    }

    #[test]
    fn values_can_have_wildcards() {
        for (pattern, fits) in
            [("avail*", true), ("*", true), ("?vailable", true), ("avail?", false), ("avail\\*", false)]
        {
            assert_eq!(passes(&[("state", &[pattern])]), fits, "{pattern}");
        }
    }

    #[test]
    fn an_unknown_filter_is_rejected() {
        let error = Filters::default().add(&["vpc-id"], "vpcid".to_owned(), Vec::new()).unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            ("InvalidParameterValue", "The filter 'vpcid' is invalid")
        );
        assert!(
            Filters::default().add(&["key"], "tag-key".to_owned(), Vec::new()).is_err(),
            "a resource without tags has no tag filter"
        );
    }
}
