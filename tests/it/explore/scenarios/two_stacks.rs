//! Two holders that join and release.

use super::{base, create, delete, every, foreign, owned};
use crate::explore::cloudformation::{Operation, SPEC, Spec, plan};
use crate::explore::ec2::Moment;
use crate::explore::scenario::{SLOWEST, Scenario};

pub(super) fn scenarios() -> Vec<Scenario> {
    let join = every(5, 70);
    vec![
        Scenario { failures: 1, ..base("both create", vec![vec![create(&[0])], vec![create(&every(5, 30))]]) },
        Scenario {
            endpoints: vec![owned(&[0])],
            delays: vec![0, 7, SLOWEST],
            failures: 1,
            ..base("one releases while the other joins", vec![vec![delete(&[0])], vec![create(&join)]])
        },
        Scenario {
            endpoints: vec![owned(&[0])],
            skew: vec![0, 5],
            ..base("the joiner's clock is ahead", vec![vec![delete(&[0])], vec![create(&join)]])
        },
        Scenario {
            endpoints: vec![owned(&[0])],
            skew: vec![5, 0],
            ..base("the releaser's clock is ahead", vec![vec![delete(&[0])], vec![create(&join)]])
        },
        Scenario {
            endpoints: vec![owned(&[0, 1])],
            failures: 1,
            ..base("both release", vec![vec![delete(&[0])], vec![delete(&every(5, 45))]])
        },
        Scenario {
            endpoints: vec![owned(&[0])],
            failures: 1,
            ..base(
                "one releases while the other joins and releases",
                vec![vec![delete(&[0])], vec![create(&every(10, 40)), delete(&[1, 12])]],
            )
        },
        Scenario {
            failures: 1,
            ..base(
                "both create and release",
                vec![vec![create(&[0]), delete(&[5])], vec![create(&every(5, 15)), delete(&[5, 20])]],
            )
        },
        Scenario {
            failures: 1,
            ..base("both create and release, without private DNS", {
                let spec = Spec { private_dns: false, ..SPEC };
                let create = |after: &[Moment]| plan(Operation::Create(spec), after);
                vec![vec![create(&[0]), delete(&[5])], vec![create(&every(5, 15)), delete(&[20])]]
            })
        },
        Scenario {
            endpoints: vec![foreign()],
            failures: 1,
            ..base(
                "both use a foreign endpoint",
                vec![vec![create(&[0]), delete(&[5])], vec![create(&[0, 10]), delete(&[5])]],
            )
        },
    ]
}
