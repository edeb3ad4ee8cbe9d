//! Three holders.

use super::{OTHER_SERVICE, base, create, delete, every, owned};
use crate::explore::cloudformation::{Operation, Planned, plan};
use crate::explore::scenario::{SLOWEST, Scenario, coarse};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            endpoints: vec![owned(&[0])],
            delays: vec![0, SLOWEST],
            failures: 1,
            ..base(
                "one releases, one joins and releases, one joins",
                vec![vec![delete(&[0])], vec![create(&every(5, 200)), delete(&[1])], vec![create(&every(5, 250))]],
            )
        },
        Scenario {
            endpoints: vec![owned(&[0, 1])],
            failures: 1,
            ..base(
                "two release while the third joins",
                vec![vec![delete(&[0])], vec![delete(&every(5, 40))], vec![create(&every(5, 70))]],
            )
        },
        Scenario {
            failures: 1,
            ..base(
                "three create and release",
                vec![
                    vec![create(&[0]), delete(&every(5, 20))],
                    vec![create(&every(5, 30)), delete(&every(5, 20))],
                    vec![create(&every(5, 60)), delete(&every(5, 20))],
                ],
            )
        },
        Scenario {
            endpoints: vec![owned(&[0])],
            ..base(
                "the Delete is delivered twice, one joins and releases, one joins",
                vec![
                    vec![Planned { duplicated_after: every(5, 60), ..delete(&[0]) }],
                    vec![create(&every(5, 70)), delete(&[1])],
                    vec![create(&every(5, 120))],
                ],
            )
        },
    ]
}

/// Three holders and a failure, small enough to be explored completely: calls take no time, and stacks start at few
/// moments.
pub(in crate::explore) fn three_stacks_and_a_failure() -> Vec<Scenario> {
    let small = |scenario| coarse(Scenario { delays: vec![0], failures: 1, ..scenario });
    vec![
        small(base("three create", vec![vec![create(&[0])], vec![create(&[0, 10])], vec![create(&[0, 10, 20])]])),
        small(Scenario {
            endpoints: vec![owned(&[0, 1])],
            ..base(
                "two release while the third joins, with fast calls",
                vec![vec![delete(&[0])], vec![delete(&every(5, 40))], vec![create(&every(5, 70))]],
            )
        }),
        small(Scenario {
            endpoints: vec![owned(&[0])],
            ..base(
                "one releases, one joins and releases, one joins, with fast calls",
                vec![vec![delete(&[0])], vec![create(&every(20, 40)), delete(&[5])], vec![create(&every(20, 60))]],
            )
        }),
        small(Scenario {
            endpoints: vec![owned(&[0, 1])],
            ..base(
                "one moves to another service, one releases, one joins, with fast calls",
                vec![
                    vec![plan(Operation::Update(OTHER_SERVICE), &[0])],
                    vec![delete(&every(10, 30))],
                    vec![create(&every(10, 40))],
                ],
            )
        }),
    ]
}
