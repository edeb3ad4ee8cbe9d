//! Token buckets: one per action, as the EC2 API reference lists them under "Request throttling".

use std::{collections::BTreeMap, time::Duration};

/// Buckets are counted in millionths of a call, because Create refills by 0.3 calls a second.
const CALL: u64 = 1_000_000;

/// How much a bucket holds and how fast it fills up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size {
    burst: u64,
    /// Millionths of a call per millisecond, which is thousandths of a call per second.
    refill: u64,
}

/// The bucket that an action draws from. `broad` says that a Describe had neither filters nor ids nor pages.
fn size(action: &str, broad: bool) -> Size {
    let (burst, refill) = match action {
        "CreateVpcEndpoint" | "ModifyVpcEndpoint" | "DeleteVpcEndpoints" => (4, 300),
        "CreateTags" | "DeleteTags" => (100, 10_000),
        "DescribeSecurityGroups" | "DescribeNetworkInterfaces" if broad => (50, 10_000),
        _ if action.starts_with("Describe") => (100, 20_000),
        _ => (50, 5_000),
    };
    Size { burst, refill }
}

#[derive(Debug, Default)]
pub(crate) struct Buckets(BTreeMap<(String, bool), (u64, Duration)>);

impl Buckets {
    /// Takes one call out of the action's bucket; `false` if it is empty.
    pub(crate) fn take(&mut self, action: &str, broad: bool, now: Duration) -> bool {
        let size = size(action, broad);
        let full = size.burst * CALL;
        let (level, filled) = self.0.entry((action.to_owned(), broad)).or_insert((full, now));
        let passed = u64::try_from(now.saturating_sub(*filled).as_millis()).unwrap_or(u64::MAX);
        *level = full.min(level.saturating_add(passed.saturating_mul(size.refill)));
        // Whole milliseconds only, so that many calls within one do not lose what is left of it.
        *filled += Duration::from_millis(passed);
        *level >= CALL && {
            *level -= CALL;
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(buckets: &mut Buckets, action: &str, tries: usize, at: u64) -> usize {
        (0..tries).filter(|_| buckets.take(action, false, Duration::from_millis(at))).count()
    }

    #[test]
    fn create_has_four_calls_and_then_one_in_three_and_a_third_seconds() {
        let mut buckets = Buckets::default();
        assert_eq!(passed(&mut buckets, "CreateVpcEndpoint", 10, 0), 4);
        assert_eq!(passed(&mut buckets, "CreateVpcEndpoint", 1, 3_333), 0);
        assert_eq!(passed(&mut buckets, "CreateVpcEndpoint", 2, 3_334), 1);
        assert_eq!(passed(&mut buckets, "CreateVpcEndpoint", 10, 1_000_000), 4, "never more than it holds");
    }

    #[test]
    fn every_action_has_its_own_bucket() {
        let mut buckets = Buckets::default();
        assert_eq!(passed(&mut buckets, "CreateVpcEndpoint", 10, 0), 4);
        assert_eq!(passed(&mut buckets, "DeleteVpcEndpoints", 10, 0), 4);
        assert_eq!(passed(&mut buckets, "DescribeVpcEndpoints", 200, 0), 100);
        assert_eq!(passed(&mut buckets, "CreateTags", 200, 0), 100);
        assert_eq!(passed(&mut buckets, "DeleteSubnet", 200, 0), 50);
    }
}
