//! One token bucket per action, as listed in "Request throttling" in the EC2 API reference.

use std::{collections::BTreeMap, time::Duration};

/// Buckets count in millionths of a call because CreateVpcEndpoint refills at 0.3 calls per second.
const CALL: u64 = 1_000_000;

/// The capacity and the refill rate of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size {
    /// In millionths of a call.
    burst: u64,
    /// In millionths of a call per millisecond, that is, thousandths of a call per second.
    refill: u64,
}

/// The bucket of an action. `broad` means a Describe action without filters, IDs, or pagination.
fn size(action: &str, broad: bool, organization_percent: u64) -> Size {
    let (burst, refill) = match action {
        "CreateVpcEndpoint" | "ModifyVpcEndpoint" | "DeleteVpcEndpoints" => {
            return Size { burst: 4 * CALL * organization_percent / 100, refill: 300 * organization_percent / 100 };
        }
        "CreateTags" | "DeleteTags" => (100, 10_000),
        "DescribeSecurityGroups" | "DescribeNetworkInterfaces" if broad => (50, 10_000),
        _ if action.starts_with("Describe") => (100, 20_000),
        _ => (50, 5_000),
    };
    Size { burst: burst * CALL, refill }
}

#[derive(Debug, Default)]
pub(crate) struct Buckets(BTreeMap<(String, bool), (u64, Duration)>);

impl Buckets {
    /// Takes one call from the action's bucket; `false` if it is empty. For endpoint changes, the organization leaves only
    /// a part of the bucket to the account.
    pub(crate) fn take(&mut self, action: &str, broad: bool, organization_percent: u64, now: Duration) -> bool {
        let size = size(action, broad, organization_percent);
        let full = size.burst;
        let (level, filled) = self.0.entry((action.to_owned(), broad)).or_insert((full, now));
        let passed = u64::try_from(now.saturating_sub(*filled).as_millis()).unwrap_or(u64::MAX);
        *level = full.min(level.saturating_add(passed.saturating_mul(size.refill)));
        // Count whole milliseconds only, so that frequent calls do not lose fractions to rounding.
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
        (0..tries).filter(|_| buckets.take(action, false, 100, Duration::from_millis(at))).count()
    }

    #[test]
    fn create_has_a_burst_of_four_and_refills_at_three_per_ten_seconds() {
        let mut buckets = Buckets::default();
        assert_eq!(passed(&mut buckets, "CreateVpcEndpoint", 10, 0), 4);
        assert_eq!(passed(&mut buckets, "CreateVpcEndpoint", 1, 3_333), 0);
        assert_eq!(passed(&mut buckets, "CreateVpcEndpoint", 2, 3_334), 1);
        assert_eq!(passed(&mut buckets, "CreateVpcEndpoint", 10, 1_000_000), 4, "never more than the capacity");
    }

    #[test]
    fn the_organization_can_leave_a_part_of_the_bucket() {
        let mut buckets = Buckets::default();
        let mut take = |at| buckets.take("CreateVpcEndpoint", false, 50, Duration::from_millis(at));
        assert_eq!([take(0), take(0), take(0), take(6_666), take(6_667)], [true, true, false, false, true]);
    }

    #[test]
    fn each_action_has_its_own_bucket() {
        let mut buckets = Buckets::default();
        assert_eq!(passed(&mut buckets, "CreateVpcEndpoint", 10, 0), 4);
        assert_eq!(passed(&mut buckets, "DeleteVpcEndpoints", 10, 0), 4);
        assert_eq!(passed(&mut buckets, "DescribeVpcEndpoints", 200, 0), 100);
        assert_eq!(passed(&mut buckets, "CreateTags", 200, 0), 100);
        assert_eq!(passed(&mut buckets, "DeleteSubnet", 200, 0), 50);
    }
}
