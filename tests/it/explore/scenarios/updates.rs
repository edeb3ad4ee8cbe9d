//! Updates of one stack while another one joins or releases.

use super::{OTHER_SERVICE, base, create, delete, every, owned};
use crate::explore::cloudformation::{Clients, Operation, SPEC, Spec, plan};
use crate::explore::scenario::{Existing, Scenario};

pub(super) fn scenarios() -> Vec<Scenario> {
    let other_group = Spec { clients: Clients::Group(1), ..SPEC };
    let without_dns = Spec { private_dns: false, ..SPEC };
    vec![
        Scenario {
            endpoints: vec![owned(&[0])],
            failures: 1,
            ..base(
                "one turns private DNS off while the other joins",
                vec![vec![plan(Operation::Update(without_dns), &[0])], vec![create(&every(5, 50))]],
            )
        },
        Scenario {
            endpoints: vec![owned(&[0])],
            failures: 1,
            ..base(
                "one replaces its security group while the other joins",
                vec![vec![plan(Operation::Update(other_group), &[0])], vec![create(&every(5, 50))]],
            )
        },
        Scenario {
            endpoints: vec![owned(&[0])],
            failures: 1,
            ..base(
                "one modifies the endpoint while the other joins",
                vec![
                    vec![plan(Operation::Update(other_group), &[0]), delete(&[5])],
                    vec![create(&every(5, 20)), delete(&[5])],
                ],
            )
        },
        Scenario {
            endpoints: vec![owned(&[0])],
            failures: 1,
            ..base(
                "one moves to another service and releases while the other joins and releases",
                vec![
                    vec![plan(Operation::Update(OTHER_SERVICE), &[0]), delete(&[5])],
                    vec![create(&every(10, 40)), delete(&[5])],
                ],
            )
        },
        Scenario {
            endpoints: vec![owned(&[0])],
            failures: 1,
            ..base(
                "one moves to another service while the other joins",
                vec![vec![plan(Operation::Update(OTHER_SERVICE), &[0])], vec![create(&every(10, 40))]],
            )
        },
        Scenario {
            endpoints: vec![owned(&[0]), Existing { spec: OTHER_SERVICE, ..owned(&[1]) }],
            failures: 1,
            ..base(
                "one moves to the endpoint that the other releases, and rolls back",
                vec![
                    vec![plan(Operation::UpdateAndRollBack(OTHER_SERVICE), &every(10, 40)), delete(&[5])],
                    vec![delete(&[0])],
                ],
            )
        },
    ]
}
