//! A person asks the function to release the reference of a stack that is gone.

use super::{base, create, delete, every, foreign, owned};
use crate::explore::cloudformation::{Operation, Planned, plan};
use crate::explore::ec2::Moment;
use crate::explore::scenario::{Existing, SLOWEST, Scenario};

fn release(after: &[Moment]) -> Planned {
    plan(Operation::Release, after)
}

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            endpoints: vec![owned(&[0])],
            delays: vec![0, 7, SLOWEST],
            failures: 1,
            ..base(
                "a stale holder is released while another joins",
                vec![vec![release(&[0])], vec![create(&every(5, 70))]],
            )
        },
        Scenario {
            endpoints: vec![owned(&[0, 1])],
            failures: 1,
            ..base(
                "a stale holder is released while the other releases",
                vec![vec![release(&[0])], vec![delete(&every(5, 45))]],
            )
        },
        Scenario {
            endpoints: vec![owned(&[0, 1])],
            failures: 1,
            ..base(
                "two stale holders are released while another joins",
                vec![vec![release(&[0])], vec![release(&every(10, 40))], vec![create(&every(10, 40))]],
            )
        },
        Scenario {
            endpoints: vec![owned(&[0])],
            failures: 1,
            ..base(
                "a release and the Delete of the same resource overlap while another joins",
                vec![
                    vec![release(&[0]), Planned { overtakes: true, ..delete(&every(10, 40)) }],
                    vec![create(&every(10, 40))],
                ],
            )
        },
        Scenario {
            endpoints: vec![Existing { holders: vec![0], ..foreign() }],
            failures: 1,
            ..base(
                "a stale holder of a foreign endpoint is released while another joins",
                vec![vec![release(&[0])], vec![create(&every(10, 40)), delete(&[5])]],
            )
        },
    ]
}
